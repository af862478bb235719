// What the files of container runtimes say, once they are read: plain functions of their content,
// which may be of any shape.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace tracepkt::kernel {

// Member `key` of an object; empty or null where there is none, it is of another type, or `object`
// is no object.
std::string string_at(const nlohmann::json& object, const char* key);
const nlohmann::json& member(const nlohmann::json& object, const char* key);

// A container's name as people write it: without Docker's slash, and "<namespace>/<pod>" for
// "k8s_<container>_<pod>_<namespace>_<uid>_<attempt>", which CRI-O and cri-dockerd make.
std::string readable_name(std::string_view name);

// From the annotations in an OCI bundle's config.json, as containerd for Kubernetes and nerdctl
// make them.
std::string annotated_name(const nlohmann::json& bundle);

// From a containers.json of containers/storage: [{"id": .., "names": [..]}, ..].
std::string storage_container_name(const nlohmann::json& containers, const std::string& id);

// graphroot = "/path" of a storage.conf.
std::string graphroot(std::string_view storage_conf);

}  // namespace tracepkt::kernel
