// Messages over TCP sockets, without MPI: one connection between any two ranks.
#pragma once

#include <memory>

#include "engine/distributed/launch.h"
#include "engine/distributed/transport.h"

namespace cofactor {

// Meets the other ranks at launch.meeting, and connects with each. Memory of messages that nobody has asked for is
// bounded, and a rank that ends, or whose machine is cut off, is noticed whatever the operation. Throws Error, on all
// ranks that have met, where they do not become complete by launch.start_timeout or do not fit together, and where the
// address cannot be used.
std::unique_ptr<Transport> make_tcp_transport(const Launch& launch);

}  // namespace cofactor
