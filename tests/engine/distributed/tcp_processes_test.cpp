// Real processes over TCP: the program distributed_ranks, started one by one and by scripts/ranks.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <thread>

#include "tests/engine/distributed/rank_checks.h"
#include "tests/engine/distributed/tcp_ranks.h"

namespace cofactor {
namespace {

using namespace testing;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

struct RankResult {
  Outcome outcome;
  std::string report;  // what rankR.txt says
};

// The ranks of a task, and how they ended.
struct Ranks {
  TemporaryFolder folder;
  std::deque<Process> processes;

  fs::path folder_of(int rank) const {
    const fs::path path = folder / fmt::format("process{}", rank);
    fs::create_directory(path);
    return path;
  }
  void start(int rank, const std::vector<std::string>& command) { processes.emplace_back(command, folder_of(rank)); }
  std::vector<RankResult> wait() {
    std::vector<RankResult> results;
    for (size_t rank = 0; rank < processes.size(); ++rank) {
      const Outcome outcome = processes[rank].wait();
      const fs::path report = folder / fmt::format("rank{}.txt", rank);
      results.push_back({outcome, fs::exists(report) ? read_file(report) : ""});
    }
    return results;
  }
};

std::vector<RankResult> run_task(const std::string& task, int size, const std::vector<std::string>& variables = {}) {
  Ranks ranks;
  const int port = free_port();
  for (int rank = 0; rank < size; ++rank)
    ranks.start(rank, rank_command(rank, size, port, task, ranks.folder.path(), variables));
  return ranks.wait();
}

// Two ranks of which the last fails: what the first says. Nobody ends it but itself.
std::string first_rank_of(const std::string& task) {
  const auto start = std::chrono::steady_clock::now();
  Ranks ranks;
  const int port = free_port();
  for (int rank = 0; rank < 2; ++rank) ranks.start(rank, rank_command(rank, 2, port, task, ranks.folder.path()));
  const Outcome first = ranks.processes[0].wait();
  CHECK(std::chrono::steady_clock::now() - start < 20s);
  CHECK(first.code == 1);
  return read_file(ranks.folder / "rank0.txt");  // the other ends with its scope, where it hangs
}

void wait_for_text(const fs::path& file, std::string_view text) {
  const auto until = std::chrono::steady_clock::now() + 30s;
  while (!fs::exists(file) || read_file(file).find(text) == std::string::npos) {
    check(std::chrono::steady_clock::now() < until, "test: {} has not got '{}'", file.string(), text);
    std::this_thread::sleep_for(10ms);
  }
}

// A command that is to succeed; whether it has.
bool succeeds(const std::vector<std::string>& command) {
  const TemporaryFolder folder;
  return Process(command, folder.path()).wait().code == 0;
}

// Two network namespaces with a cable between them, as two machines have: 10.213.N.1 and .2.
class TwoHosts {
 public:
  TwoHosts() : id_(static_cast<int>(::getpid() % 30000)) {
    if (::geteuid() != 0) {
      missing_ = "they need root";
    } else if (!fs::exists("/usr/sbin/ip") && !fs::exists("/sbin/ip") && !fs::exists("/usr/bin/ip")) {
      missing_ = "the program ip (Debian package iproute2) is not installed";
    } else if (!ip({"netns", "add", name(0)}) || !ip({"netns", "add", name(1)}) ||
               !ip({"link", "add", cable(0), "netns", name(0), "type", "veth", "peer", "name", cable(1), "netns",
                    name(1)})) {
      missing_ = "this system has none, or no veth";
    }
    for (int host = 0; host < 2 && missing_.empty(); ++host) {
      check(ip({"-n", name(host), "addr", "add", address(host) + "/24", "dev", cable(host)}) &&
                ip({"-n", name(host), "link", "set", cable(host), "up"}) &&
                ip({"-n", name(host), "link", "set", "lo", "up"}),
            "test: the host {} cannot be set up", name(host));
    }
    if (!missing_.empty()) std::printf("skipped: no network namespaces: %s\n", missing_.c_str());
  }
  TwoHosts(const TwoHosts&) = delete;
  TwoHosts& operator=(const TwoHosts&) = delete;
  ~TwoHosts() {
    for (int host = 0; host < 2; ++host) ip({"netns", "del", name(host)});
  }

  bool usable() const { return missing_.empty(); }
  std::string name(int host) const { return fmt::format("cofactor-{}-{}", id_, host); }
  std::string address(int host) const { return fmt::format("10.213.{}.{}", id_ % 250, host + 1); }
  bool cut(int host) const { return ip({"-n", name(host), "link", "set", cable(host), "down"}); }

 private:
  std::string cable(int host) const { return fmt::format("cf{}-{}", id_, host); }
  static bool ip(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"env", "PATH=/usr/sbin:/sbin:/usr/bin:/bin", "ip"});
    return succeeds(arguments);
  }

  int id_;
  std::string missing_;
};

// scripts/ranks with distributed_ranks.
std::vector<std::string> script(int size, const std::string& task, const fs::path& folder,
                                const std::string& grace = "30") {
  return {"env",
          "OMP_NUM_THREADS=1",
          std::string(COFACTOR_SOURCE_DIR) + "/scripts/ranks",
          "--grace",
          grace,
          std::to_string(size),
          program("distributed_ranks"),
          task,
          folder.string()};
}

}  // namespace

TEST_SUITE("experiment") {
  TEST_CASE("tcp processes: one to five ranks do everything") {
    for (int size = 1; size <= 5; ++size) {
      const auto results = run_task("everything", size);
      for (int rank = 0; rank < size; ++rank) {
        const RankResult& result = results[static_cast<size_t>(rank)];
        CAPTURE(result.outcome.err);
        CHECK(result.outcome.code == 0);
        CHECK(result.report == fmt::format("done: {} {} of {}\n", size == 1 ? "single" : "tcp", rank, size));
      }
    }
  }

  TEST_CASE("tcp processes: sums have the bits of the sum in the order of the ranks on every rank") {
    for (const int size : {2, 4}) {
      Ranks ranks;
      const int port = free_port();
      for (int rank = 0; rank < size; ++rank)
        ranks.start(rank, rank_command(rank, size, port, "sums", ranks.folder.path()));
      for (const RankResult& result : ranks.wait()) CHECK(result.outcome.code == 0);
      std::string expected;
      for (const int64_t count : {1, 10, 1001, 300007}) {
        const std::vector<float> sum = sum_by_rank<float>(count, size);
        expected.append(reinterpret_cast<const char*>(sum.data()), sum.size() * sizeof(float));
      }
      for (int rank = 0; rank < size; ++rank)
        CHECK(read_file(ranks.folder / fmt::format("sums{}.bin", rank)) == expected);
    }
  }

  TEST_CASE("tcp processes: variables of an mpi launcher and an address make ranks over tcp") {
    Ranks ranks;
    const int port = free_port();
    for (int rank = 0; rank < 2; ++rank) {
      auto command = rank_command(
          rank, 2, port, "everything", ranks.folder.path(),
          {"COFACTOR_TRANSPORT=tcp", fmt::format("OMPI_COMM_WORLD_RANK={}", rank), "OMPI_COMM_WORLD_SIZE=2"});
      command.insert(command.begin() + 1, {"-u", "WORLD_SIZE"});
      std::erase_if(command, [](const std::string& word) { return word.starts_with("WORLD_SIZE="); });
      ranks.start(rank, command);
    }
    for (const RankResult& result : ranks.wait()) CHECK(result.report.starts_with("done: tcp "));
  }

  TEST_CASE("tcp processes: where a rank ends the others end by themselves with its name") {
    for (const char* task : {"killed", "exits", "throws"}) {
      CAPTURE(task);
      const std::string report = first_rank_of(task);
      CHECK(report.starts_with("error: all_reduce of 1000000 f32 (rank 0 of 2): tcp: rank 1 on "));
      CHECK(report.ends_with(" has closed its connection: it ended or was killed\n"));
    }
  }

  TEST_CASE("tcp processes: a rank that hangs ends the others at the deadline") {
    CHECK(first_rank_of("hangs").starts_with(
        "error: all_reduce of 1000000 f32 (rank 0 of 2): rank 1 has not answered for 3."));
  }

  TEST_CASE("tcp processes: ranks with different sizes are told so") {
    for (const RankResult& result : run_task("sizes", 2)) {
      CAPTURE(result.report);
      CHECK(result.outcome.code == 1);
      CHECK(result.report.starts_with("error: all_reduce of "));
      CHECK(result.report.find(" bytes where ") != std::string::npos);
    }
  }

  TEST_CASE("tcp processes: a deadline may be longer for a time in which one rank works alone") {
    for (const RankResult& result : run_task("slow", 2)) CHECK(result.outcome.code == 0);
  }

  TEST_CASE("tcp processes: a rank that never starts is named after the start timeout") {
    Ranks ranks;
    const int port = free_port();
    for (int rank = 0; rank < 2; ++rank) {
      ranks.start(rank, rank_command(rank, 3, port, "slow", ranks.folder.path(), {"COFACTOR_START_TIMEOUT=1"}));
    }
    for (const RankResult& result : ranks.wait()) {
      CHECK(result.outcome.code == 1);
      CHECK(result.report.find(fmt::format("2 of 3 ranks have met at 127.0.0.1:{} within 1 s, missing: 2", port)) !=
            std::string::npos);
    }
  }

  TEST_CASE("tcp processes: two hosts work together and notice when the cable is cut") {
    const TwoHosts hosts;
    if (!hosts.usable()) return;
    Ranks ranks;
    const int port = free_port();
    for (int rank = 0; rank < 2; ++rank) {
      auto command = rank_command(rank, 2, port, "cut off", ranks.folder.path(), {"MASTER_ADDR=" + hosts.address(0)});
      command.insert(command.begin(),
                     {"env", "PATH=/usr/sbin:/sbin:/usr/bin:/bin", "ip", "netns", "exec", hosts.name(rank)});
      ranks.start(rank, command);
    }
    // Namespaces of one machine share its cores.
    wait_for_text(ranks.folder / "running0.txt", "0 of 2 on this machine");
    wait_for_text(ranks.folder / "running1.txt", "1 of 2 on this machine");
    REQUIRE(hosts.cut(1));
    const auto start = std::chrono::steady_clock::now();
    for (const RankResult& result : ranks.wait()) {
      CAPTURE(result.report);
      CHECK(result.outcome.code == 1);
      CHECK(result.report.find(" cannot be reached (") != std::string::npos);
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    MESSAGE("both have ended after ", seconds.count(), " s");
    CHECK(seconds < 20s);  // 7 to 9 s where nothing else runs; the deadline is 300 s
  }

  TEST_CASE("scripts ranks: starts ranks and prints their lines") {
    const TemporaryFolder folder;
    const Outcome outcome = Process(script(3, "everything", folder.path()), folder.path()).wait();
    CAPTURE(outcome.err);
    CHECK(outcome.code == 0);
    CHECK(read_file(folder / "rank2.txt") == "done: tcp 2 of 3\n");
    const std::string path = std::string(COFACTOR_SOURCE_DIR) + "/scripts/ranks";
    const Outcome words = Process({path, "2", "printf", "%s|", "a b", "*"}, folder.path()).wait();
    CHECK((words.out == "a b|*|rank 1: a b|*|" || words.out == "rank 1: a b|*|a b|*|"));
    for (const std::vector<std::string>& wrong :
         std::vector<std::vector<std::string>>{{path},
                                               {path, "2"},
                                               {path, "0", "true"},
                                               {path, "two", "true"},
                                               {path, "--grace", "x", "2", "true"},
                                               {path, "2", "no-such-program"},
                                               {path, "--flag", "2", "true"},
                                               {path, "--grace"}}) {
      const Outcome refused = Process(wrong, folder.path()).wait();
      CHECK(refused.code == 2);
      CHECK(refused.err != "");
    }
  }

  TEST_CASE("scripts ranks: where a rank fails the others are ended and its status is the script's") {
    const auto start = std::chrono::steady_clock::now();
    const TemporaryFolder folder;
    const Outcome throws = Process(script(3, "throws", folder.path()), folder.path()).wait();
    CHECK(throws.code == 1);
    CHECK(throws.err.find("rank 2: error: rank failed on purpose") != std::string::npos);
    // One that fails, and others that would run for a minute and do not end by SIGTERM.
    const std::string path = std::string(COFACTOR_SOURCE_DIR) + "/scripts/ranks";
    const std::string stubborn =
        "trap '' TERM; [[ $RANK != 1 ]] || exit 5; for ((i = 0; i < 600; ++i)); do sleep 0.1; done";
    CHECK(Process({path, "--grace", "1", "3", "bash", "-c", stubborn}, folder.path()).wait().code == 5);
    const std::string killed = "[[ $RANK != 1 ]] || kill -9 $$; sleep 60";
    CHECK(Process({path, "3", "bash", "-c", killed}, folder.path()).wait().code == 137);
    CHECK(std::chrono::steady_clock::now() - start < 30s);
  }

  TEST_CASE("scripts ranks: passes signals on") {
    const TemporaryFolder folder;
    Process process(script(2, "signals", folder.path(), "1"), folder.path());
    wait_for_text(folder / "stdout.txt", "rank 1: rank 1 runs");
    wait_for_text(folder / "stdout.txt", "rank 0 runs");
    ::kill(process.pid(), SIGTERM);  // which the ranks ignore
    ::kill(process.pid(), SIGINT);
    std::this_thread::sleep_for(300ms);
    ::kill(process.pid(), SIGUSR1);
    CHECK(process.wait().code == 3);
    // Programs that leave signals as they are end by them.
    const std::string path = std::string(COFACTOR_SOURCE_DIR) + "/scripts/ranks";
    for (const int signal : {SIGTERM, SIGINT}) {
      const TemporaryFolder other;
      Process sleeping({path, "2", "bash", "-c", "echo runs; sleep 60"}, other.path());
      wait_for_text(other / "stdout.txt", "rank 1: runs");
      ::kill(sleeping.pid(), signal);
      CHECK(sleeping.wait().code == 128 + signal);
    }
  }
}

}  // namespace cofactor
