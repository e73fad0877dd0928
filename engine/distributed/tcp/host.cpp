// Rank 0, at which all others meet.
#include <fmt/ranges.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "engine/distributed/tcp/members.h"

namespace cofactor::tcp {

namespace {

// Connections that have not said who they are; of more the oldest go.
constexpr size_t kMostStrangers = 256;
constexpr size_t kMostNotes = 8;
constexpr auto kLinger = std::chrono::seconds(2);  // after an error, so that all ranks hear of it

Socket listen_for_ranks(const MeetingPoint& meeting, Clock::time_point until) {
  bool again = true;
  std::vector<Address> found;
  while (true) {
    found = resolve(meeting.address, meeting.port, again);
    if (!again) break;
    check(Clock::now() < until, "ranks: MASTER_ADDR is '{}', and no name server has answered", meeting.address);
    wait_for_sockets({}, Clock::now() + std::chrono::milliseconds(500));
  }
  // On its own machine a name often stands for an address of the loopback, which no other machine reaches.
  const bool exact = meeting.address == "localhost" || found.front().host() == meeting.address;
  std::vector<Address> candidates;
  if (exact) candidates = found;
  for (const bool v6 : {true, false}) candidates.push_back(Address::any(v6).with_port(meeting.port));
  int error = 0;
  for (const Address& address : candidates) {
    auto [socket, failed] = Socket::listen(address);
    if (failed == 0) return std::move(socket);
    error = failed;
    // Not an address of this machine, as behind a forwarded port; or a system without IPv6.
    if (error != EADDRNOTAVAIL && error != EAFNOSUPPORT) break;
  }
  const std::string at = name_of(meeting, found.front());
  check(error != EADDRINUSE,
        "ranks: rank 0 cannot listen at {}: the port is in use, by another run or program: choose another MASTER_PORT",
        at);
  fail("ranks: rank 0 cannot listen at {}: {}", at, system_text(error));
}

std::string new_token() {
  std::array<unsigned char, 16> bytes{};
  check(::getrandom(bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()),
        "ranks: the system gives no random numbers: {}", system_text(errno));
  return fmt::format("{:02x}", fmt::join(bytes, ""));
}

class HostMeeting {
 public:
  explicit HostMeeting(const Launch& launch)
      : launch_(launch), own_(own_member(launch, launch.meeting->port)), until_(after(launch.start_timeout)) {
    guests_.resize(static_cast<size_t>(launch.size));
  }

  Meeting run() {
    listener_ = listen_for_ranks(*launch_.meeting, until_);
    gather();
    listener_ = {};
    introduce();
    await_connections();
    tell_all({{"go", true}});
    Meeting meeting;
    std::vector<Member> members = {own_};
    meeting.peers.emplace_back(Peer{Socket(), own_.who()});
    for (size_t rank = 1; rank < guests_.size(); ++rank) {
      members.push_back(guests_[rank]->member);
      meeting.peers.push_back({guests_[rank]->reader.release(), guests_[rank]->member.who()});
    }
    meeting.local = local_place(launch_, members);
    return meeting;
  }

 private:
  struct Guest {
    ControlReader reader;
    Member member;
    bool connected = false;
  };

  // Waits for one of the sockets; where none can be read in time, every rank ends with the error.
  template <class F>
  void wait(std::vector<int> fds, const F& error) {
    for (const auto& guest : guests_) {
      if (guest) fds.push_back(guest->reader.socket().fd());
    }
    if (!wait_for_sockets(fds, until_)) fail_all(error());
  }

  void gather() {
    size_t joined = 1;
    while (joined < guests_.size()) {
      std::vector<int> fds = {listener_.fd()};
      for (const auto& stranger : strangers_) fds.push_back(stranger.socket().fd());
      wait(fds, [this] { return missing_text(); });
      accept_strangers();
      for (size_t i = 0; i < strangers_.size();) {
        if (is_undecided(strangers_[i])) {
          ++i;
          continue;
        }
        strangers_.erase(strangers_.begin() + static_cast<std::ptrdiff_t>(i));
      }
      hear_guests();
      joined =
          1 + static_cast<size_t>(std::ranges::count_if(guests_, [](const auto& guest) { return guest != nullptr; }));
    }
    strangers_.clear();
  }

  // Reads what a connection says; a rank of this run becomes a guest.
  bool is_undecided(ControlReader& stranger) {
    const std::string from = stranger.socket().remote().size() ? stranger.socket().remote().host() : "a host";
    switch (stranger.read()) {
      case ControlReader::State::partial: return true;
      case ControlReader::State::closed: note(fmt::format("a connection from {} said nothing", from)); return false;
      case ControlReader::State::foreign:
        note(fmt::format("a connection from {} was another program's", from));
        return false;
      case ControlReader::State::other_version:
        note(fmt::format("a program at {} has version {} of the ranks' protocol, this one {}", from, stranger.version(),
                         kVersion));
        return false;
      case ControlReader::State::whole: break;
    }
    const auto member = member_of(stranger.message());
    if (!member) {
      note(fmt::format("a connection from {} was another program's", from));
    } else if (member->run != launch_.run) {
      const std::string text =
          fmt::format("rank {} of another run, on {}, has connected: its token is another", member->rank, member->host);
      send_control(stranger.socket(), {{"error", text}}, after(kGrace));
      note(text);
    } else {
      admit(stranger, *member);
    }
    return false;
  }

  void admit(ControlReader& stranger, Member member) {
    const Address from = stranger.socket().remote();
    std::string wrong;
    if (member.size != launch_.size) {
      wrong = fmt::format("{} was started as one of {} ranks, {} as one of {}", member.who(), member.size, own_.who(),
                          launch_.size);
    } else if (member.rank < 1 || member.rank >= launch_.size) {
      wrong = fmt::format("a process on {} was started as rank {}, expected 1 to {}", member.host, member.rank,
                          launch_.size - 1);
    } else if (const auto& other = guests_[static_cast<size_t>(member.rank)]) {
      wrong = fmt::format("two processes were started as rank {}: on {} and on {}", member.rank, other->member.host,
                          member.host);
    }
    if (!wrong.empty()) {
      send_control(stranger.socket(), {{"error", wrong}}, after(kGrace));
      fail_all(wrong, 1);
    }
    if (from.size() == 0) return;  // it has ended meanwhile
    member.address = from.is_loopback() ? "" : from.host();
    guests_[static_cast<size_t>(member.rank)] = std::make_unique<Guest>(Guest{std::move(stranger), std::move(member)});
  }

  // What ranks that have joined say: that they are connected with all, or an error. One that ends is an error too.
  void hear_guests() {
    for (const auto& guest : guests_) {
      if (!guest) continue;
      const auto state = guest->reader.read();
      if (state == ControlReader::State::partial) continue;
      if (state != ControlReader::State::whole)
        fail_all(guest->member.who() + " has ended while the ranks were starting");
      if (const auto error = text_of(guest->reader.message(), "error"))
        fail_all(fmt::format("{} says: {}", guest->member.who(), *error));
      if (!guest->reader.message().contains("connected"))
        fail_all(guest->member.who() + " has said something else than expected");
      guest->connected = true;
    }
  }

  void introduce() {
    nlohmann::json members = nlohmann::json::array({to_json(own_)});
    for (const auto& guest : guests_) {
      if (guest) members.push_back(to_json(guest->member));
    }
    tell_all({{"token", new_token()}, {"members", members}});
  }

  void await_connections() {
    until_ = after(launch_.start_timeout + kGrace);
    const auto pending = [this] {
      std::vector<std::string> names;
      for (const auto& guest : guests_) {
        if (guest && !guest->connected) names.push_back(guest->member.who());
      }
      return names;
    };
    while (!pending().empty()) {
      wait({}, [&] {
        return fmt::format("these ranks have not connected with all others in {} s: {}", launch_.start_timeout.count(),
                           fmt::join(pending(), ", "));
      });
      hear_guests();
    }
  }

  void tell_all(const nlohmann::json& message) {
    for (const auto& guest : guests_) {
      if (guest && !send_control(guest->reader.socket(), message, after(kGrace)))
        fail_all(guest->member.who() + " has ended while the ranks were starting");
    }
  }

  // `told`: ranks that are no guests and have been told.
  [[noreturn]] void fail_all(const std::string& error, size_t told = 0) {
    ++told;  // this one
    for (const auto& guest : guests_) {
      if (guest) told += send_control(guest->reader.socket(), {{"error", error}}, Clock::now() + kLinger) ? 1 : 0;
    }
    tell_latecomers(error, told);
    fail("ranks: {}", error);
  }

  // Ranks that start a moment later are told too. Else they would try to connect until their own time is over.
  void tell_latecomers(const std::string& error, size_t told) {
    const auto until = Clock::now() + kLinger;
    while (listener_.open() && told < guests_.size()) {
      std::vector<int> fds = {listener_.fd()};
      for (const auto& stranger : strangers_) fds.push_back(stranger.socket().fd());
      if (!wait_for_sockets(fds, until)) return;
      accept_strangers();
      std::erase_if(strangers_, [&](ControlReader& stranger) {
        const auto state = stranger.read();
        if (state == ControlReader::State::whole)
          told += send_control(stranger.socket(), {{"error", error}}, until) ? 1 : 0;
        return state != ControlReader::State::partial;
      });
    }
  }

  void accept_strangers() {
    for (Socket socket = listener_.accept(); socket.open(); socket = listener_.accept()) {
      strangers_.emplace_back(std::move(socket), kHelloLimit);
      if (strangers_.size() > kMostStrangers) strangers_.erase(strangers_.begin());
    }
  }

  void note(const std::string& text) {
    if (notes_.size() < kMostNotes && std::ranges::find(notes_, text) == notes_.end()) notes_.push_back(text);
  }

  std::string missing_text() const {
    std::vector<size_t> missing;
    for (size_t rank = 1; rank < guests_.size(); ++rank) {
      if (!guests_[rank]) missing.push_back(rank);
    }
    std::string text = fmt::format(
        "{} of {} ranks have met at {} within {} s, missing: {}", guests_.size() - missing.size(), guests_.size(),
        name_of(*launch_.meeting, listener_.local()), launch_.start_timeout.count(), fmt::join(missing, ", "));
    if (!notes_.empty()) text += fmt::format(" ({})", fmt::join(notes_, "; "));
    return text;
  }

  const Launch& launch_;
  Member own_;
  Clock::time_point until_;
  Socket listener_;
  std::vector<ControlReader> strangers_;
  std::vector<std::unique_ptr<Guest>> guests_;  // by rank; rank 0 is none
  std::vector<std::string> notes_;              // of connections that were none of a rank
};

}  // namespace

Meeting meet_as_host(const Launch& launch) {
  return HostMeeting(launch).run();
}

}  // namespace cofactor::tcp
