#include "kernel/container_files.h"

#include <algorithm>

#include "kernel/host_files.h"

namespace tracepkt::kernel {

using Json = nlohmann::json;

namespace {

std::string pod_name(const std::string& pod_namespace, const std::string& pod) {
  return pod_namespace.empty() ? pod : pod_namespace + '/' + pod;
}

}  // namespace

std::string string_at(const Json& object, const char* key) {
  const auto it = object.is_object() ? object.find(key) : object.end();
  return object.is_object() && it != object.end() && it->is_string() ? it->get<std::string>()
                                                                     : std::string();
}

const Json& member(const Json& object, const char* key) {
  static const Json kNone;
  const auto it = object.is_object() ? object.find(key) : object.end();
  return object.is_object() && it != object.end() ? *it : kNone;
}

std::string readable_name(std::string_view name) {
  if (name.starts_with('/')) {
    name.remove_prefix(1);
  }
  const auto parts = split(name, '_');
  if (parts.size() == 6 && parts[0] == "k8s") {
    return pod_name(std::string(parts[3]), std::string(parts[2]));
  }
  return std::string(name);
}

std::string annotated_name(const Json& bundle) {
  const Json& annotations = member(bundle, "annotations");
  const std::string pod = string_at(annotations, "io.kubernetes.cri.sandbox-name");
  if (!pod.empty()) {
    return pod_name(string_at(annotations, "io.kubernetes.cri.sandbox-namespace"), pod);
  }
  const std::string name = string_at(annotations, "io.kubernetes.cri.container-name");
  return name.empty() ? string_at(annotations, "nerdctl/name") : name;
}

std::string graphroot(std::string_view storage_conf) {
  for (std::string_view line : split(storage_conf, '\n')) {
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    const std::size_t open = line.find('"');
    const std::size_t close =
        open < line.size() ? line.find('"', open + 1) : std::string_view::npos;
    if (line.starts_with("graphroot") && close < line.size()) {
      return std::string(line.substr(open + 1, close - open - 1));
    }
  }
  return {};
}

std::string storage_container_name(const Json& containers, const std::string& id) {
  for (const Json& container : containers) {
    const Json& names = member(container, "names");
    if (string_at(container, "id") == id && names.is_array() && !names.empty() &&
        names[0].is_string()) {
      return readable_name(names[0].get<std::string>());
    }
  }
  return {};
}

}  // namespace tracepkt::kernel
