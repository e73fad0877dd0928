// A rank that is not rank 0.
#include <cerrno>
#include <optional>

#include "engine/distributed/tcp/members.h"

namespace cofactor::tcp {

namespace {

constexpr auto kRetry = std::chrono::milliseconds(50);
constexpr size_t kMostUnknown = 256;  // connections that have not said who they are; of more the oldest go

// A connection with rank 0, which may start later than this rank does.
Socket connect_to_host(const Launch& launch) {
  const MeetingPoint& meeting = *launch.meeting;
  const auto until = after(launch.start_timeout);
  std::string why = "no name server has answered";
  Address last;
  while (true) {
    bool again = false;
    for (const Address& address : resolve(meeting.address, meeting.port, again)) {
      auto [socket, error] = Socket::connect(address, until);
      if (error == 0) return std::move(socket);
      why = system_text(error);
      last = address;
    }
    check(
        Clock::now() + kRetry < until,
        "ranks: rank {} cannot connect to rank 0 at {} within {} s: {}: rank 0 has not started there, or a firewall is "
        "between",
        launch.rank, name_of(meeting, last), launch.start_timeout.count(), why);
    wait_for_sockets({}, Clock::now() + kRetry);
  }
}

class GuestMeeting {
 public:
  explicit GuestMeeting(const Launch& launch)
      : launch_(launch),
        host_(connect_to_host(launch), (size_t{1} << 20) + size_t{512} * static_cast<size_t>(launch.size)),
        host_address_(host_.socket().remote()),
        host_name_(fmt::format("rank 0 at {}", name_of(*launch.meeting, host_address_))) {}

  Meeting run() {
    listener_ = listen();
    say({to_json(own_member(launch_, listener_.local().port()))});
    read_members(hear());
    try {
      connect_below();
      accept_above();
    } catch (const Error& error) {
      send_control(host_.socket(), {{"error", error.what()}}, after(kGrace));
      throw;
    }
    listener_ = {};
    say({{"connected", true}});
    if (!hear().contains("go")) fail_of_host("has said something else than expected");
    Meeting meeting;
    for (size_t rank = 0; rank < members_.size(); ++rank)
      meeting.peers.push_back({rank == 0 ? host_.release() : std::move(sockets_[rank]), members_[rank].who()});
    meeting.local = local_place(launch_, members_);
    return meeting;
  }

 private:
  // At the address by which rank 0 is reached. Where that is the loopback, because MASTER_ADDR is a name that stands
  // for it on this machine, ranks of other machines come to another.
  Socket listen() const {
    const Address reached = host_.socket().local();
    const bool named = launch_.meeting->address != "localhost" && launch_.meeting->address != host_address_.host();
    const Address at = named && reached.is_loopback() ? Address::any(reached.family() == AF_INET6) : reached;
    auto [socket, error] = Socket::listen(at.with_port(0));
    check(error == 0, "ranks: rank {} cannot listen at {}: {}", launch_.rank, at.host(), system_text(error));
    return std::move(socket);
  }

  void say(const nlohmann::json& message) {
    // Where that fails, rank 0 has said why before, or has ended: hear() finds out.
    send_control(host_.socket(), message, after(kGrace));
  }

  [[noreturn]] void fail_of_host(const std::string& what) const { fail("ranks: {} {}", host_name_, what); }

  // What rank 0 has said; none where nothing has come yet.
  std::optional<nlohmann::json> heard() {
    switch (host_.read()) {
      case ControlReader::State::partial: return {};
      case ControlReader::State::closed:
        fail_of_host("has closed the connection while the ranks were starting: it ended or was killed");
      case ControlReader::State::foreign: fail_of_host("is another program: choose another MASTER_PORT");
      case ControlReader::State::other_version:
        fail_of_host(fmt::format("has version {} of the ranks' protocol, this program {}", host_.version(), kVersion));
      case ControlReader::State::whole: break;
    }
    if (const auto error = text_of(host_.message(), "error")) fail_of_host("says: " + *error);
    return host_.message();
  }

  nlohmann::json hear() {
    const auto until = after(launch_.start_timeout + 2 * kGrace);
    while (true) {
      if (auto message = heard()) return *message;
      if (!wait_for_sockets({host_.socket().fd()}, until))
        fail_of_host(fmt::format("has not answered for {} s", (launch_.start_timeout + 2 * kGrace).count()));
    }
  }

  void read_members(const nlohmann::json& message) {
    const auto token = text_of(message, "token");
    const auto list = message.find("members");
    if (token && list != message.end() && list->is_array()) {
      for (const auto& text : *list) {
        auto member = member_of(text);
        if (member && member->rank == static_cast<int>(members_.size())) members_.push_back(std::move(*member));
      }
    }
    if (members_.size() != static_cast<size_t>(launch_.size)) fail_of_host("has said something else than expected");
    token_ = *token;
    sockets_.resize(members_.size());
  }

  void connect_below() {
    const auto until = after(launch_.start_timeout);
    for (int rank = 1; rank < launch_.rank; ++rank) {
      const Member& member = members_[static_cast<size_t>(rank)];
      const Address address =
          member.address.empty() ? host_address_.with_port(member.port) : Address::numeric(member.address, member.port);
      auto [socket, error] = Socket::connect(address, until);
      check(error == 0, "rank {} cannot connect to {} at {}: {}", launch_.rank, member.who(), address.text(),
            system_text(error));
      send_control(socket, {{"token", token_}, {"rank", launch_.rank}}, until);
      sockets_[static_cast<size_t>(rank)] = std::move(socket);
    }
  }

  void accept_above() {
    const auto until = after(launch_.start_timeout);
    int missing = launch_.size - 1 - launch_.rank;
    std::vector<ControlReader> unknown;
    while (missing > 0) {
      std::vector<int> fds = {listener_.fd(), host_.socket().fd()};
      for (const auto& reader : unknown) fds.push_back(reader.socket().fd());
      check(wait_for_sockets(fds, until), "{} ranks have not connected to rank {} at {} within {} s", missing,
            launch_.rank, listener_.local().text(), launch_.start_timeout.count());
      if (heard()) fail_of_host("has said something else than expected");
      for (Socket socket = listener_.accept(); socket.open(); socket = listener_.accept()) {
        unknown.emplace_back(std::move(socket), kHelloLimit);
        if (unknown.size() > kMostUnknown) unknown.erase(unknown.begin());
      }
      std::erase_if(unknown, [&](ControlReader& reader) {
        const auto state = reader.read();
        if (state == ControlReader::State::whole && take(reader)) --missing;
        return state != ControlReader::State::partial;
      });
    }
  }

  // Whether it is a rank of this run. Others are turned away.
  bool take(ControlReader& reader) {
    const auto& message = reader.message();
    const auto rank = message.find("rank");
    if (text_of(message, "token") != token_ || rank == message.end() || !rank->is_number_integer()) return false;
    const auto number = rank->get<int64_t>();
    if (number <= launch_.rank || number >= launch_.size) return false;
    Socket& socket = sockets_[static_cast<size_t>(number)];
    if (socket.open()) return false;
    socket = reader.release();
    return true;
  }

  const Launch& launch_;
  ControlReader host_;
  Address host_address_;
  std::string host_name_;
  Socket listener_;
  std::string token_;
  std::vector<Member> members_;  // by rank
  std::vector<Socket> sockets_;  // likewise
};

}  // namespace

Meeting meet_as_guest(const Launch& launch) {
  return GuestMeeting(launch).run();
}

}  // namespace cofactor::tcp
