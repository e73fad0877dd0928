// How the ranks of a run find each other.
//
// Rank 0 listens at the meeting point; the others connect to it, each with a port of its own at which it listens
// itself. Once all are there, rank 0 tells each the ports of all and a random token, and every rank connects with those
// of lower rank and shows the token. When all have said that they are connected, rank 0 lets the run begin. An error is
// told to all that have met, so that every rank ends with its cause.
#pragma once

#include <string>
#include <vector>

#include "engine/distributed/launch.h"
#include "engine/distributed/tcp/socket.h"

namespace cofactor::tcp {

struct Peer {
  Socket socket;    // not open: this rank itself
  std::string who;  // "rank 1 on host b"
};

struct Meeting {
  std::vector<Peer> peers;  // by rank
  LocalPlace local;
};

// Throws Error as make_tcp_transport does.
Meeting meet(const Launch& launch);

}  // namespace cofactor::tcp
