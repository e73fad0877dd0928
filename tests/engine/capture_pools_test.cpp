// Memory of recorded steps: what an arena keeps, what it says when it runs out, and who waits for a recording.
#include "engine/backends/capture_pools.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/fixtures/errors.h"

namespace cofactor::testing {

namespace {

struct SourceCounts {
  size_t obtained = 0, released = 0, trims = 0;
};

// At most `limit` bytes of the host's memory.
class CountedSource : public MemorySource {
 public:
  CountedSource(SourceCounts& counts, size_t limit) : counts_(counts), left_(limit) {}
  void* obtain(size_t size) override {
    if (size > left_) return nullptr;
    left_ -= size;
    ++counts_.obtained;
    return host_->obtain(size);
  }
  void release(void* data, size_t size) noexcept override {
    left_ += size;
    ++counts_.released;
    host_->release(data, size);
  }
  void trim() noexcept override { ++counts_.trims; }
  std::string name() const override { return "the source"; }
  std::string advice() const override { return fmt::format("; it has {} bytes left", left_); }

 private:
  SourceCounts& counts_;
  size_t left_;
  std::unique_ptr<MemorySource> host_ = host_memory();
};

struct Pools {
  SourceCounts common, arenas;
  CapturePools pools{std::make_unique<CountedSource>(common, 1 << 20),
                     [this] { return std::make_unique<CountedSource>(arenas, 4096); }};
};

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("capture pools: an arena that runs out says what it lacked and gives nothing back before its step goes") {
    Pools p;
    CapturePools::Arena arena;
    void* kept = nullptr;
    {
      const CapturePools::Recording recording(p.pools);
      arena = recording.arena();
      void* freed = p.pools.allocate(1024);
      kept = p.pools.allocate(2048);
      p.pools.deallocate(freed, 1024);
      CHECK(p.pools.allocate(1024) == freed);
      p.pools.deallocate(freed, 1024);
      CHECK(
          error_of([&] { p.pools.allocate(1400); }) ==
          "memory: the source refused a block of 1408 bytes (1400 asked for); 2048 bytes are in use, 3072 held; it has "
          "1024 bytes left");
      CHECK_THROWS_AS(p.pools.allocate(1400), OutOfMemory);
      CHECK(p.arenas.released == 0);
      CHECK(p.arenas.trims == 0);
      CHECK(p.pools.allocate(1024) == freed);
      p.pools.deallocate(freed, 1024);
    }
    CHECK(p.pools.stats().in_use == 2048);
    arena.reset();
    CHECK(p.arenas.released == 0);  // a block of the recording is still in use
    p.pools.deallocate(kept, 2048);
    CHECK(p.arenas.released == 2);
    CHECK(p.pools.stats().in_use == 0);
    CHECK(p.pools.stats().reserved == 0);
  }

  TEST_CASE("capture pools: the common pool's free blocks go back before a recording and its own after it are kept") {
    Pools p;
    void* used = p.pools.allocate(512);
    p.pools.deallocate(p.pools.allocate(1000), 1000);
    CHECK(p.common.obtained == 2);
    {
      const CapturePools::Recording recording(p.pools);
      CHECK(p.common.released == 1);
      CHECK(p.common.trims == 1);
      p.pools.deallocate(used, 512);  // of the common pool, within the recording
      CHECK(p.common.released == 1);
    }
    CHECK(p.pools.allocate(512) == used);
    p.pools.deallocate(used, 512);
    CHECK(p.common.obtained == 2);
    CHECK(p.arenas.obtained == 0);
    p.pools.release_free();
    CHECK(p.common.released == 2);
    CHECK(p.common.trims == 2);
  }

  TEST_CASE("capture pools: a pool without memory gives back free blocks and then trims its source") {
    SourceCounts counts;
    MemoryPool pool(std::make_unique<CountedSource>(counts, 4096));
    pool.deallocate(pool.allocate(2048), 2048);
    pool.deallocate(pool.allocate(4096), 4096);  // in place of the free block
    CHECK(counts.released == 1);
    CHECK(counts.trims == 0);
    CHECK_THROWS_AS(pool.allocate(8192), OutOfMemory);
    CHECK(counts.released == 2);
    CHECK(counts.trims == 1);
  }

  TEST_CASE("capture pools: other threads' requests wait for a recording and its own thread's calls are refused") {
    Pools p;
    RecordingGate& gate = p.pools.gate();
    std::atomic<bool> served = false;
    std::jthread other;
    CHECK(!gate.recording_here());
    {
      const CapturePools::Recording recording(p.pools);
      CHECK(gate.recording_here());
      CHECK(!gate.enter().owns_lock());
      CHECK(!gate.try_enter().owns_lock());
      CHECK(error_of([&] { gate.refuse("a copy of {} bytes", 3); }) ==
            "capture: a copy of 3 bytes cannot be part of a recorded step");
      CHECK(error_of([&] { const CapturePools::Recording within(p.pools); }) ==
            "capture: another recording cannot be part of a recorded step");
      other = std::jthread([&] {
        gate.refuse("a copy of {} bytes", 3);
        CHECK(!gate.recording_here());
        CHECK(!gate.try_enter().owns_lock());
        p.pools.deallocate(p.pools.allocate(64), 64);
        served = true;
      });
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      CHECK(!served);
    }
    other.join();
    CHECK(served);
    CHECK(!gate.recording_here());
    CHECK(gate.try_enter().owns_lock());
    CHECK(p.arenas.obtained == 0);
  }
}

}  // namespace cofactor::testing
