#include "engine/distributed/tcp/socket.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "engine/error.h"

namespace cofactor::tcp {

namespace {

// An IPv4 address that a socket for both families shows as "::ffff:10.0.0.1", as what it is.
void unmap(sockaddr_storage& storage, socklen_t& size) {
  if (storage.ss_family != AF_INET6) return;
  const auto v6 = reinterpret_cast<const sockaddr_in6&>(storage);
  if (!IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) return;
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = v6.sin6_port;
  std::memcpy(&v4.sin_addr, v6.sin6_addr.s6_addr + 12, sizeof(v4.sin_addr));
  storage = {};
  std::memcpy(&storage, &v4, sizeof(v4));
  size = sizeof(v4);
}

std::vector<Address> look_up(const std::string& name, int port, int flags, int& error) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  error = ::getaddrinfo(name.c_str(), std::to_string(port).c_str(), &hints, &found);
  std::vector<Address> addresses;
  if (error != 0) return addresses;
  for (const addrinfo* entry = found; entry; entry = entry->ai_next)
    addresses.emplace_back(entry->ai_addr, entry->ai_addrlen);
  ::freeaddrinfo(found);
  return addresses;
}

void set_option(int fd, int level, int option, int value) {
  check(::setsockopt(fd, level, option, &value, sizeof(value)) == 0, "tcp: option {} of a socket cannot be set: {}",
        option, system_text(errno));
}

Socket new_socket(int family, int& error) {
  Socket socket(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  error = socket.open() ? 0 : errno;
  return socket;
}

}  // namespace

std::string system_text(int error) {
  return std::generic_category().message(error);
}

Address::Address(const sockaddr* address, socklen_t size) : size_(size) {
  std::memcpy(&storage_, address, std::min<size_t>(size, sizeof(storage_)));
  unmap(storage_, size_);
}

Address Address::numeric(const std::string& host, int port) {
  int error = 0;
  const auto found = look_up(host, port, AI_NUMERICHOST, error);
  check(!found.empty(), "tcp: '{}' is no IPv4 or IPv6 address", host);
  return found.front();
}

Address Address::any(bool v6) {
  return numeric(v6 ? "::" : "0.0.0.0", 0);
}

int Address::port() const {
  const bool v6 = family() == AF_INET6;
  return ntohs(v6 ? reinterpret_cast<const sockaddr_in6&>(storage_).sin6_port
                  : reinterpret_cast<const sockaddr_in&>(storage_).sin_port);
}

Address Address::with_port(int port) const {
  Address result = *this;
  const auto number = htons(static_cast<uint16_t>(port));
  if (family() == AF_INET6) {
    reinterpret_cast<sockaddr_in6&>(result.storage_).sin6_port = number;
  } else {
    reinterpret_cast<sockaddr_in&>(result.storage_).sin_port = number;
  }
  return result;
}

std::string Address::host() const {
  std::array<char, NI_MAXHOST> text{};
  if (::getnameinfo(data(), size_, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0) return "?";
  return text.data();
}

std::string Address::text() const {
  return family() == AF_INET6 ? fmt::format("[{}]:{}", host(), port()) : fmt::format("{}:{}", host(), port());
}

bool Address::is_loopback() const {
  if (family() == AF_INET6) return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6&>(storage_).sin6_addr);
  return ntohl(reinterpret_cast<const sockaddr_in&>(storage_).sin_addr.s_addr) >> 24 == 127;
}

std::vector<Address> resolve(const std::string& name, int port, bool& again) {
  int error = 0;
  std::vector<Address> addresses = look_up(name, port, 0, error);
  again = error == EAI_AGAIN;
  check(error == 0 || again, "ranks: MASTER_ADDR is '{}', whose address cannot be found: {}", name,
        ::gai_strerror(error));
  return addresses;
}

Socket::~Socket() {
  if (open()) ::close(fd_);
}

Address Socket::local() const {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  check(::getsockname(fd_, reinterpret_cast<sockaddr*>(&storage), &size) == 0, "tcp: a socket has no address: {}",
        system_text(errno));
  return {reinterpret_cast<const sockaddr*>(&storage), size};
}

Address Socket::remote() const {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  if (::getpeername(fd_, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};  // it has ended already
  return {reinterpret_cast<const sockaddr*>(&storage), size};
}

void Socket::tune() const {
  set_option(fd_, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd_, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd_, IPPROTO_TCP, TCP_KEEPIDLE, 2);
  set_option(fd_, IPPROTO_TCP, TCP_KEEPINTVL, 2);
  set_option(fd_, IPPROTO_TCP, TCP_KEEPCNT, 3);
  set_option(fd_, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(std::chrono::milliseconds(kUnreachable).count()));
}

std::pair<Socket, int> Socket::listen(const Address& address) {
  int error = 0;
  Socket socket = new_socket(address.family(), error);
  if (!socket.open()) return {Socket(), error};
  // Connections of a run that has ended do not keep its port from the next.
  set_option(socket.fd(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (address.family() == AF_INET6) set_option(socket.fd(), IPPROTO_IPV6, IPV6_V6ONLY, 0);
  if (::bind(socket.fd(), address.data(), address.size()) != 0 || ::listen(socket.fd(), SOMAXCONN) != 0) error = errno;
  return {std::move(socket), error};
}

std::pair<Socket, int> Socket::connect(const Address& address, Clock::time_point until) {
  int error = 0;
  Socket socket = new_socket(address.family(), error);
  if (!socket.open()) return {Socket(), error};
  if (::connect(socket.fd(), address.data(), address.size()) != 0) {
    if (errno != EINPROGRESS && errno != EINTR) return {Socket(), errno};
    if (!wait_for_sockets({socket.fd()}, until, true)) return {Socket(), ETIMEDOUT};
    socklen_t size = sizeof(error);
    if (::getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    if (error != 0) return {Socket(), error};
  }
  // A port of this machine that nobody listens at may be given to the connection itself, which then talks to itself.
  if (socket.local().text() == socket.remote().text()) return {Socket(), ECONNREFUSED};
  socket.tune();
  return {std::move(socket), 0};
}

Socket Socket::accept() const {
  while (true) {
    Socket socket(::accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket.open()) {
      socket.tune();
      return socket;
    }
    // A connection that has ended before it was accepted is not the listening socket's failure.
    if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO) continue;
    check(errno == EAGAIN || errno == EWOULDBLOCK, "tcp: a connection cannot be accepted: {}", system_text(errno));
    return {};
  }
}

bool wait_for_sockets(const std::vector<int>& fds, Clock::time_point until, bool to_write) {
  std::vector<pollfd> polled;
  polled.reserve(fds.size());
  for (const int fd : fds) polled.push_back({fd, static_cast<short>(to_write ? POLLOUT : POLLIN), 0});
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    const int ready = ::poll(polled.data(), polled.size(), static_cast<int>(std::clamp<int64_t>(left, 0, 1'000'000)));
    if (ready > 0) return true;
    check(ready == 0 || errno == EINTR, "tcp: poll has failed: {}", system_text(errno));
    if (left <= 0) return false;
  }
}

}  // namespace cofactor::tcp
