#include "engine/distributed/tcp/members.h"

#include <algorithm>

#include "engine/cores.h"

namespace cofactor::tcp {

namespace {

// Without what would do something to a terminal.
std::string printable(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return c < ' ' || c > '~'; }, '?');
  return text.substr(0, 255);
}

}  // namespace

Member own_member(const Launch& launch, int port) {
  return {launch.rank, launch.size, launch.run, printable(host_name()), machine_id(), "", port};
}

nlohmann::json to_json(const Member& member) {
  return {{"rank", member.rank}, {"size", member.size},       {"run", member.run},        {"host", member.host},
          {"port", member.port}, {"machine", member.machine}, {"address", member.address}};
}

std::optional<Member> member_of(const nlohmann::json& text) {
  try {
    Member member{text.at("rank").get<int>(),
                  text.at("size").get<int>(),
                  text.at("run").get<std::string>(),
                  printable(text.at("host").get<std::string>()),
                  text.at("machine").get<std::string>(),
                  text.at("address").get<std::string>(),
                  text.at("port").get<int>()};
    if (member.port < 0 || member.port > 65535) return {};
    return member;
  } catch (const nlohmann::json::exception&) {
    return {};
  }
}

std::optional<std::string> text_of(const nlohmann::json& message, const char* name) {
  const auto found = message.find(name);
  if (found == message.end() || !found->is_string()) return {};
  return found->get<std::string>();
}

LocalPlace local_place(const Launch& launch, const std::vector<Member>& members) {
  if (launch.local) return *launch.local;
  LocalPlace place{0, 0};
  const std::string& machine = members[static_cast<size_t>(launch.rank)].machine;
  for (const Member& member : members) {
    if (member.machine != machine) continue;
    ++place.size;
    if (member.rank < launch.rank) ++place.rank;
  }
  return place;
}

Clock::time_point after(std::chrono::duration<double> time) {
  return Clock::now() + std::chrono::ceil<Clock::duration>(time);
}

std::string name_of(const MeetingPoint& meeting, const Address& address) {
  if (meeting.address == address.host()) return address.text();
  const std::string name = fmt::format("{}:{}", meeting.address, meeting.port);
  return address.size() == 0 ? name : fmt::format("{} ({})", name, address.text());
}

Meeting meet(const Launch& launch) {
  return launch.rank == 0 ? meet_as_host(launch) : meet_as_guest(launch);
}

}  // namespace cofactor::tcp
