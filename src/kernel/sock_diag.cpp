#include "kernel/sock_diag.h"

#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <utility>

namespace tracepkt::kernel {

Fd ask_about_tcp(inet_diag_req_v2 asked, bool more) {
  struct {
    nlmsghdr header;
    inet_diag_req_v2 asked;
  } request = {.header = {}, .asked = asked};
  request.header.nlmsg_len = sizeof(request);
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST | (more ? NLM_F_DUMP : 0);
  request.asked.sdiag_protocol = IPPROTO_TCP;
  request.asked.id.idiag_cookie[0] = request.asked.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  Fd netlink(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  return netlink.valid() && send(netlink.get(), &request, sizeof(request), 0) > 0
             ? std::move(netlink)
             : Fd();
}

}  // namespace tracepkt::kernel
