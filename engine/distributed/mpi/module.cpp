// MPI as a transport.
#include <mpi.h>

#include <algorithm>
#include <array>
#include <vector>

#include "engine/distributed/transport_module.h"
#include "engine/error.h"

namespace cofactor {

namespace {

// MPI counts in int: longer messages are sent in pieces.
constexpr size_t kPiece = size_t{1} << 30;

void check_mpi(int code, const char* function) {
  if (code == MPI_SUCCESS) [[likely]]
    return;
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(code, text.data(), &length);
  fail("mpi: {} has failed: {}", function, std::string_view(text.data(), static_cast<size_t>(length)));
}

constexpr std::string_view kOtherOperation = "the ranks call different operations, or the same with different sizes";

// Whether a message had no room in the memory for it.
bool is_truncated(int code) {
  int kind = MPI_SUCCESS;
  return code != MPI_SUCCESS && MPI_Error_class(code, &kind) == MPI_SUCCESS && kind == MPI_ERR_TRUNCATE;
}

class MpiMessage : public Message {
 public:
  struct Piece {
    MPI_Request request = MPI_REQUEST_NULL;
    int received = -1;  // the bytes expected of a receive
  };

  MpiMessage(std::vector<Piece> pieces, int other) : pieces_(std::move(pieces)), other_(other) {}

  bool done() override {
    while (!pieces_.empty()) {
      int finished = 0;
      MPI_Status status;
      const int expected = pieces_.back().received;
      if (const int code = MPI_Test(&pieces_.back().request, &finished, &status); is_truncated(code)) {
        fail("mpi: rank {} has sent more bytes where {} were expected: {}", other_, expected, kOtherOperation);
      } else {
        check_mpi(code, "MPI_Test");
      }
      if (!finished) return false;
      if (expected >= 0) {
        int bytes = 0;
        check_mpi(MPI_Get_count(&status, MPI_BYTE, &bytes), "MPI_Get_count");
        check(bytes == expected, "mpi: rank {} has sent {} bytes where {} were expected: {}", other_, bytes, expected,
              kOtherOperation);
      }
      pieces_.pop_back();
    }
    return true;
  }

 private:
  std::vector<Piece> pieces_;
  int other_;
};

class MpiTransport : public Transport {
 public:
  explicit MpiTransport(const Launch& launch) {
    int started = 0, ended = 0;
    check_mpi(MPI_Initialized(&started), "MPI_Initialized");
    check_mpi(MPI_Finalized(&ended), "MPI_Finalized");
    check(!started && !ended, "mpi: it has been started in this process before, which it can be once only");
    int level = 0;
    check_mpi(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &level), "MPI_Init_thread");
    check_mpi(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &ranks_), "MPI_Comm_dup");
    check_mpi(MPI_Comm_set_errhandler(ranks_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    check_mpi(MPI_Comm_rank(ranks_, &rank_), "MPI_Comm_rank");
    check_mpi(MPI_Comm_size(ranks_, &size_), "MPI_Comm_size");
    check(size_ == launch.size,
          "mpi: {} says that the run has {} ranks, the MPI library that it has {}: the launcher belongs to another MPI "
          "than the one that this build uses",
          launch.launcher, launch.size, size_);
    MPI_Comm machine = MPI_COMM_NULL;
    check_mpi(MPI_Comm_split_type(ranks_, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &machine), "MPI_Comm_split_type");
    check_mpi(MPI_Comm_rank(machine, &local_rank_), "MPI_Comm_rank");
    check_mpi(MPI_Comm_size(machine, &local_size_), "MPI_Comm_size");
    check_mpi(MPI_Comm_free(&machine), "MPI_Comm_free");
  }

  std::string_view name() const override { return "mpi"; }
  int rank() const override { return rank_; }
  int size() const override { return size_; }
  int local_rank() const override { return local_rank_; }
  int local_size() const override { return local_size_; }

  std::unique_ptr<Message> send(std::span<const std::byte> bytes, int to, int tag) override {
    std::vector<MpiMessage::Piece> pieces;
    for (size_t first = 0; first < bytes.size(); first += kPiece) {
      const int count = static_cast<int>(std::min(kPiece, bytes.size() - first));
      // NOLINTNEXTLINE(clang-analyzer-optin.mpi.MPI-Checker): the message tests its requests
      check_mpi(MPI_Isend(bytes.data() + first, count, MPI_BYTE, to, tag, ranks_, &pieces.emplace_back().request),
                "MPI_Isend");
    }
    return std::make_unique<MpiMessage>(std::move(pieces), to);
  }

  std::unique_ptr<Message> receive(std::span<std::byte> bytes, int from, int tag) override {
    std::vector<MpiMessage::Piece> pieces;
    for (size_t first = 0; first < bytes.size(); first += kPiece) {
      const int count = static_cast<int>(std::min(kPiece, bytes.size() - first));
      auto& piece = pieces.emplace_back();
      piece.received = count;
      // NOLINTNEXTLINE(clang-analyzer-optin.mpi.MPI-Checker): the message tests its requests
      check_mpi(MPI_Irecv(bytes.data() + first, count, MPI_BYTE, from, tag, ranks_, &piece.request), "MPI_Irecv");
    }
    return std::make_unique<MpiMessage>(std::move(pieces), from);
  }

  void close() override {
    check_mpi(MPI_Comm_free(&ranks_), "MPI_Comm_free");
    check_mpi(MPI_Finalize(), "MPI_Finalize");
  }

 private:
  MPI_Comm ranks_ = MPI_COMM_NULL;
  int rank_ = 0, size_ = 1, local_rank_ = 0, local_size_ = 1;
};

}  // namespace

}  // namespace cofactor

const cofactor::TransportModule cofactor_transport_module = {
    [](const cofactor::Launch& launch) -> std::unique_ptr<cofactor::Transport> {
      return std::make_unique<cofactor::MpiTransport>(launch);
    },
};
