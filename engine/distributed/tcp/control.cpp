#include "engine/distributed/tcp/control.h"

#include <array>
#include <cerrno>
#include <cstring>

namespace cofactor::tcp {

namespace {

constexpr std::array<char, 8> kMagic = {'c', 'o', 'f', 'a', 'c', 't', 'o', 'r'};

// In the byte order of the machine: another order is another version.
struct Header {
  std::array<char, 8> magic = kMagic;
  uint32_t version = kVersion;
  uint32_t bytes = 0;
};
static_assert(sizeof(Header) == 16);

}  // namespace

ControlReader::State ControlReader::parse_header() {
  Header header;
  std::memcpy(&header, bytes_.data(), sizeof(header));
  version_ = header.version;
  if (header.version != kVersion) return State::other_version;
  if (header.bytes > limit_) return State::foreign;
  text_bytes_ = header.bytes;
  has_header_ = true;
  bytes_.clear();
  return State::partial;
}

ControlReader::State ControlReader::read() {
  while (true) {
    const size_t wanted = has_header_ ? text_bytes_ : sizeof(Header), had = bytes_.size();
    if (had < wanted) {
      std::array<char, 4096> piece;
      const ssize_t got = ::recv(socket_.fd(), piece.data(), std::min(piece.size(), wanted - had), 0);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return State::partial;
      if (got <= 0) return State::closed;
      bytes_.append(piece.data(), static_cast<size_t>(got));
      // A stranger is known by its first bytes, however few.
      if (!has_header_ && std::memcmp(bytes_.data(), kMagic.data(), std::min(bytes_.size(), kMagic.size())) != 0)
        return State::foreign;
      continue;
    }
    if (!has_header_) {
      if (const State state = parse_header(); state != State::partial) return state;
      continue;
    }
    message_ = nlohmann::json::parse(bytes_, nullptr, /*allow_exceptions=*/false);
    bytes_.clear();
    has_header_ = false;
    return message_.is_object() ? State::whole : State::foreign;
  }
}

bool send_control(const Socket& socket, const nlohmann::json& message, Clock::time_point until) {
  // Names of hosts and tokens may be any bytes.
  const std::string text = message.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  const Header header{.bytes = static_cast<uint32_t>(text.size())};
  std::string bytes(sizeof(header), '\0');
  std::memcpy(bytes.data(), &header, sizeof(header));
  bytes += text;
  for (size_t sent = 0; sent < bytes.size();) {
    const ssize_t part = ::send(socket.fd(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (part >= 0) {
      sent += static_cast<size_t>(part);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (!wait_for_sockets({socket.fd()}, until, true)) return false;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

}  // namespace cofactor::tcp
