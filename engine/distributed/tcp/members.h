// What the ranks of a run tell each other of themselves when they meet, and what rank 0 and the others do alike.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/distributed/tcp/control.h"
#include "engine/distributed/tcp/meeting.h"
#include "engine/error.h"

namespace cofactor::tcp {

constexpr size_t kHelloLimit = 4096;  // bytes of what a connection may say before it is known
// Rank 0 waits longer than the others at each step, so that it hears of their errors and passes them on.
constexpr auto kGrace = std::chrono::seconds(5);

struct Member {
  int rank = 0, size = 0;
  std::string run;      // its token of the launcher (Launch::run)
  std::string host;     // the name of its machine, for messages
  std::string machine;  // the same for all ranks that share cores
  std::string address;  // where it listens; empty: on the machine that rank 0 is on
  int port = 0;

  std::string who() const { return fmt::format("rank {} on {}", rank, host); }
};

// This rank, listening at `port`.
Member own_member(const Launch& launch, int port);
nlohmann::json to_json(const Member& member);
// None where the text is not one of a member.
std::optional<Member> member_of(const nlohmann::json& text);
// The text under a name; none where it is something else.
std::optional<std::string> text_of(const nlohmann::json& message, const char* name);

// The place of a rank among those on its machine: the launcher's word, or by what the members say.
LocalPlace local_place(const Launch& launch, const std::vector<Member>& members);

Clock::time_point after(std::chrono::duration<double> time);
// "127.0.0.1:29500", or with the address that the name stands for: "node1:29500 (10.0.0.1:29500)".
std::string name_of(const MeetingPoint& meeting, const Address& address);

Meeting meet_as_host(const Launch& launch);   // rank 0
Meeting meet_as_guest(const Launch& launch);  // all others

}  // namespace cofactor::tcp
