// TCP sockets and their addresses, IPv4 and IPv6. All sockets are non-blocking and closed on exec.
#pragma once

#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace cofactor::tcp {

using Clock = std::chrono::steady_clock;

// How long a host may not be heard of before its connections are given up: below the communicator's deadline of 10 s.
constexpr auto kUnreachable = std::chrono::seconds(7);

// What the system calls an error number.
std::string system_text(int error);

class Address {
 public:
  Address() = default;
  Address(const sockaddr* address, socklen_t size);
  // "10.0.0.1" or "fe80::1"; throws Error for what is neither.
  static Address numeric(const std::string& host, int port);
  // Any address of this machine, IPv6 and IPv4 alike, or IPv4 alone.
  static Address any(bool v6);

  const sockaddr* data() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const { return size_; }
  int family() const { return storage_.ss_family; }
  int port() const;
  Address with_port(int port) const;
  std::string host() const;  // without the port
  std::string text() const;  // "10.0.0.1:29500" or "[fe80::1]:29500"
  bool is_loopback() const;

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

// The addresses of a name, or of a numeric address. Throws Error where there are none. `again`: the name servers have
// not answered, and may later; the result is then empty.
std::vector<Address> resolve(const std::string& name, int port, bool& again);

class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Socket();

  int fd() const { return fd_; }
  bool open() const { return fd_ >= 0; }
  Address local() const;
  Address remote() const;

  // Prepares a connection: small messages go at once, and a host that is cut off is noticed within kUnreachable.
  void tune() const;

  // A socket that listens; the error number where there is none, as EADDRINUSE.
  static std::pair<Socket, int> listen(const Address& address);
  // A connection that is made before `until`, or the error number.
  static std::pair<Socket, int> connect(const Address& address, Clock::time_point until);
  // The next connection of a socket that listens; not open where there is none yet.
  Socket accept() const;

 private:
  int fd_ = -1;
};

// Waits until one of the sockets can be read (or, with `to_write`, be written), at most until `until`. Whether one can.
bool wait_for_sockets(const std::vector<int>& fds, Clock::time_point until, bool to_write = false);

}  // namespace cofactor::tcp
