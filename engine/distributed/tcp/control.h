// What ranks say to each other before they exchange messages: JSON texts, each with a header that says that it is of
// this program. Nothing of it is trusted: anything may connect to an open port.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "engine/distributed/tcp/socket.h"

namespace cofactor::tcp {

constexpr uint32_t kVersion = 1;  // of what is said and of frames (engine/distributed/tcp/frame.h)

// Reads texts from a connection, piece by piece.
class ControlReader {
 public:
  enum class State : uint8_t {
    partial,        // more is to come
    whole,          // message() is there
    closed,         // the connection has ended
    foreign,        // what came is not of this program
    other_version,  // it is, but of another version, which version() says
  };

  // `limit`: of the bytes of a text.
  ControlReader(Socket socket, size_t limit) : socket_(std::move(socket)), limit_(limit) {}

  // Reads what is there, and no byte beyond one text. After `whole` the next call begins the next text.
  State read();
  const nlohmann::json& message() const { return message_; }
  uint32_t version() const { return version_; }
  const Socket& socket() const { return socket_; }
  Socket release() { return std::move(socket_); }
  void set_limit(size_t limit) { limit_ = limit; }

 private:
  State parse_header();

  Socket socket_;
  size_t limit_;
  std::string bytes_;
  size_t text_bytes_ = 0;
  bool has_header_ = false;
  uint32_t version_ = 0;
  nlohmann::json message_;
};

// Sends a text. Whether that went by `until`.
bool send_control(const Socket& socket, const nlohmann::json& message, Clock::time_point until);

}  // namespace cofactor::tcp
