// Bad input of every kind: a clear message, exit code 1 or 2, and nothing half-written.
#include <doctest/doctest.h>

#include "experiments/report/results.h"
#include "tests/experiments/process.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

// Expects the exit code, one line on stderr that begins with the program's name and holds every part, and no file in
// the run's folder.
void expect_refusal(const Workplace& place, const Outcome& outcome, int code, const std::vector<std::string>& parts) {
  CAPTURE(outcome.err);
  CHECK(outcome.code == code);
  CHECK(outcome.err.starts_with("fashion_mnist: "));
  CHECK(std::ranges::count(outcome.err, '\n') == 1);
  for (const std::string& part : parts) {
    CAPTURE(part);
    CHECK(outcome.err.find(part) != std::string::npos);
  }
  CHECK(files_below(place.out()).empty());
}

std::filesystem::path images(const Workplace& place) {
  return place.data() / "train-images-idx3-ubyte.gz";
}

void overwrite(const std::filesystem::path& path, std::string_view bytes) {
  write_file_atomically(path, bytes);
}

}  // namespace

TEST_SUITE("experiment") {
  TEST_CASE("bad usage: exit code 2 before anything is read or written") {
    const Workplace place;
    const auto refused = [&](const std::vector<std::string>& flags, const std::vector<std::string>& parts) {
      expect_refusal(place, place.run(flags), 2, parts);
    };
    refused({"--rate", "1.2"}, {"--rate 1.2", "[0, 1]"});
    refused({"--rate", "0.2,-1"}, {"--rate -1"});
    refused({"--method", "ce,magic"}, {"--method magic", "ce, dmi"});
    refused({"--noise", "loud"}, {"--noise loud", "bags-to-clothes"});
    refused({"--case", "4"}, {"--case 4"});
    refused({"--device", "abacus"}, {"--device abacus"});
    refused({"--precision", "f8"}, {"--precision f8"});
    refused({"--rate", "1"}, {"--rate 1", "clothes-to-bags", "singular"});
    refused({"--rate", "1", "--noise", "uniform"}, {"singular"});
    refused({"--batch-size", "1"}, {"--batch-size 1"});
    refused({"--limit", "501"}, {"--limit 501", "500"});
    refused({"--epochs", "two"}, {"--epochs"});
    refused({"--epoch-factor", "0.5"}, {"--epoch-factor", "--epochs"});  // the place's own command has --epochs
    refused({"--speed", "9"}, {"--speed"});
    for (const std::string factor : {"0", "1.5", "nan"}) {
      const Outcome outcome = Process({program("fashion_mnist"), "--epoch-factor", factor}, place.path()).wait();
      CHECK(outcome.code == 2);
      CHECK(outcome.err.find("--epoch-factor " + factor) != std::string::npos);
    }
  }

  TEST_CASE("bad data: exit code 1 naming the file") {
    SUBCASE("no folder") {
      const Workplace place;
      expect_refusal(place, place.run({"--data", (place.path() / "none").string()}), 1, {"none"});
    }
    SUBCASE("a missing file") {
      const Workplace place;
      std::filesystem::remove(images(place));
      expect_refusal(place, place.run(), 1, {"train-images-idx3-ubyte"});
    }
    SUBCASE("a truncated gzip file") {
      const Workplace place;
      const std::string bytes = read_file(images(place));
      overwrite(images(place), bytes.substr(0, bytes.size() / 2));
      expect_refusal(place, place.run(), 1, {"train-images-idx3-ubyte.gz"});
    }
    SUBCASE("values cut short") {
      const Workplace place;
      overwrite(images(place), gzip_bytes(idx_bytes({600, 28, 28}, std::string(1000, 'x'))));
      expect_refusal(place, place.run(), 1, {"train-images-idx3-ubyte.gz"});
    }
    SUBCASE("not IDX") {
      const Workplace place;
      overwrite(images(place), "<html>404 Not Found</html>");
      expect_refusal(place, place.run(), 1, {"train-images-idx3-ubyte.gz"});
    }
    SUBCASE("another number of labels than of images") {
      const Workplace place;
      overwrite(place.data() / "train-labels-idx1-ubyte.gz", gzip_bytes(idx_bytes({599}, std::string(599, '\1'))));
      expect_refusal(place, place.run(), 1, {"600", "599"});
    }
    SUBCASE("a label that is no class") {
      const Workplace place;
      overwrite(place.data() / "train-labels-idx1-ubyte.gz", gzip_bytes(idx_bytes({600}, std::string(600, '\12'))));
      expect_refusal(place, place.run(), 1, {"10"});
    }
  }

  TEST_CASE("bad data: a class that the labels do not have stops dmi alone with the class: ce's result is kept") {
    const Workplace place({.bags = 0.0});
    const Outcome outcome = place.run({"--rate", "0"});
    CHECK(outcome.code == 1);
    CHECK(outcome.err.find("none of the 500 training samples has the noisy label 'bag'") != std::string::npos);
    const auto results = read_results(place.out() / "results.jsonl").results;
    REQUIRE(results.size() == 1);
    CHECK(results[0].method == "ce");
  }

  TEST_CASE("bad folder: results that cannot be written are an error before any training") {
    const Workplace place;
    overwrite(place.path() / "file", "not a folder");
    const Outcome below_file = place.run({"--out", (place.path() / "file" / "out").string()});
    expect_refusal(place, below_file, 1, {"file/out"});
    expect_refusal(place, place.run({"--out", "/proc/cofactor"}), 1, {"/proc/cofactor"});
  }

  TEST_CASE("full disk: a write that fails is an error that names the file: what was whole stays whole") {
    const Workplace place;
    REQUIRE(place.run({"--method", "ce", "--rate", "0.5"}).code == 0);
    const auto before = files_below(place.out());
    // Files may grow to 20 KiB: room for results and metrics, none for a checkpoint. Without the trap a signal kills.
    std::string line = "trap '' XFSZ; ulimit -f 20; exec";
    for (const std::string& word : place.command({"--method", "ce", "--rate", "0.2"})) line += " '" + word + "'";
    const Outcome outcome = Process({"bash", "-c", line}, place.path()).wait();
    CAPTURE(outcome.err);
    CHECK(outcome.code == 1);
    CHECK(outcome.err.find("checkpoint.safetensors") != std::string::npos);
    CHECK(outcome.err.find("File too large") != std::string::npos);
    auto after = files_below(place.out());
    after["progress.json"] = before.at("progress.json");  // says that the second sweep has begun
    CHECK(after == before);
    CHECK(place.run({"--method", "ce", "--rate", "0.2"}).code == 0);  // and with room again it goes on
  }

  TEST_CASE("bad checkpoint: an error that names the file and the file stays for a look") {
    const Workplace place;
    const auto folder = place.out() / "clothes-to-bags-rate0.2-seed1" / "ce";
    const auto checkpoint = folder / "checkpoint.safetensors";
    {
      Process process(place.command({"--epochs", "500"}), place.path());
      for (int wait = 0; wait < 3000 && !std::filesystem::exists(checkpoint); ++wait) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
      process.kill_and_wait();
    }
    REQUIRE(std::filesystem::exists(checkpoint));
    const auto refused = [&](const std::vector<std::string>& parts) {
      const Outcome outcome = place.run({"--epochs", "500"});
      CAPTURE(outcome.err);
      CHECK(outcome.code == 1);
      CHECK(outcome.err.find("checkpoint.safetensors") != std::string::npos);
      for (const std::string& part : parts) CHECK(outcome.err.find(part) != std::string::npos);
      CHECK(std::filesystem::exists(checkpoint));
      CHECK(!std::filesystem::exists(place.out() / "results.jsonl"));
    };
    const SafetensorsFile good = load_safetensors(checkpoint, Device::reference);
    const std::string bytes = read_file(checkpoint);
    SUBCASE("truncated") {
      overwrite(checkpoint, bytes.substr(0, bytes.size() / 2));
      refused({});
    }
    SUBCASE("empty") {
      overwrite(checkpoint, "");
      refused({});
    }
    SUBCASE("a tensor of another shape") {
      for (const std::string part : {"model.", "best."}) {
        SafetensorsFile bad = good;
        for (NamedTensor& named : bad.tensors) {
          if (named.name == part + "fc.weight") named.tensor = named.tensor.view(Shape{512, 2});
        }
        save_safetensors(checkpoint, bad);
        refused({"fc.weight", "(512, 2)"});
      }
    }
    SUBCASE("an optimizer's tensor of another shape") {
      SafetensorsFile bad = good;
      for (NamedTensor& named : bad.tensors) {
        if (named.name == "optimizer.fc.weight.exp_avg") named.tensor = named.tensor.view(Shape{1024});
      }
      save_safetensors(checkpoint, bad);
      refused({"fc.weight"});
    }
    SUBCASE("a tensor missing") {
      SafetensorsFile bad = good;
      std::erase_if(bad.tensors, [](const NamedTensor& named) { return named.name == "model.fc.bias"; });
      save_safetensors(checkpoint, bad);
      refused({"fc.bias"});
    }
    SUBCASE("of other settings") {
      const Outcome outcome = place.run({"--epochs", "499"});
      CHECK(outcome.code == 1);
      CHECK(outcome.err.find("pretraining/epochs 500 there, 499 asked for") != std::string::npos);
    }
  }

  TEST_CASE("bad results file: an error with its line before any training") {
    const Workplace place;
    std::filesystem::create_directory(place.out());
    overwrite(place.out() / "results.jsonl", "once upon a time\n");
    const Outcome outcome = place.run();
    CHECK(outcome.code == 1);
    CHECK(outcome.err.find("results.jsonl, line 1") != std::string::npos);
    CHECK(read_file(place.out() / "results.jsonl") == "once upon a time\n");
  }
}
