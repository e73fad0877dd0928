// The program derive, as a user starts it: output, files, and bad input of every kind.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>

#include "tests/fixtures/process.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

class Derive {
 public:
  Outcome run(const std::vector<std::string>& words) const {
    std::vector<std::string> command = {program("derive")};
    command.insert(command.end(), words.begin(), words.end());
    return Process(command, folder_.path()).wait();
  }
  // With these bytes as the file of --input.
  Outcome on(const std::string& bytes, std::vector<std::string> words) const {
    write_file_atomically(path() / "in.csv", bytes);
    words.insert(words.end(), {"--input", (path() / "in.csv").string()});
    return run(words);
  }
  const std::filesystem::path& path() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
};

// One line on standard error that begins with the program's name and has every part, and nothing on standard output.
void expect_refusal(const Outcome& outcome, int code, const std::vector<std::string>& parts) {
  CAPTURE(outcome.err);
  CHECK(outcome.code == code);
  CHECK(outcome.out == "");
  CHECK(outcome.err.starts_with("derive: "));
  CHECK(std::ranges::count(outcome.err, '\n') == 1);
  for (const std::string& part : parts) {
    CAPTURE(part);
    CHECK(outcome.err.find(part) != std::string::npos);
  }
}

}  // namespace

TEST_SUITE("experiment") {
  TEST_CASE("derive: walks through a loss and the same command prints the same") {
    const Derive derive;
    const std::vector<std::string> words = {"dmi", "--classes", "3", "--samples", "8", "--seed", "1", "--noise", "0.3"};
    const Outcome outcome = derive.run(words);
    CHECK(outcome.code == 0);
    CHECK(outcome.err == "");
    for (const char* part : {"U = O^T L / N", "dL/dU = -U^-T", "formula", "autograd", "differences", "T = (1 - r) I"}) {
      CAPTURE(part);
      CHECK(outcome.out.find(part) != std::string::npos);
    }
    CHECK(derive.run(words).out == outcome.out);
    CHECK(derive.run({"dmi", "--seed", "2"}).out != derive.run({"dmi", "--seed", "1"}).out);
    const std::string part = derive.run({"dmi", "--steps", "5,8"}).out;
    CHECK(part.find("\n5. ") != std::string::npos);
    CHECK(part.find("\n8. ") != std::string::npos);
    CHECK(part.find("\n6. ") == std::string::npos);
    for (const std::string format : {"markdown", "latex"}) CHECK(derive.run({"gce", "--format", format}).code == 0);
  }

  TEST_CASE("derive: help lists the subjects and a subject's help its own options alone") {
    const Derive derive;
    const Outcome all = derive.run({"--help"});
    CHECK(all.code == 0);
    for (const char* subject : {"dmi", "bootstrap-hard", "max_pool"}) CHECK(all.out.find(subject) != std::string::npos);
    const Outcome gce = derive.run({"gce", "--help"});
    CHECK(gce.code == 0);
    CHECK(gce.out.find("--truncation") != std::string::npos);
    CHECK(gce.out.find("--epsilon") == std::string::npos);
    CHECK(gce.out.find("column 'label'") != std::string::npos);
  }

  TEST_CASE("derive: bad usage is exit code 2 with one sentence") {
    const Derive derive;
    const auto refused = [&](const std::vector<std::string>& words, const std::vector<std::string>& parts) {
      expect_refusal(derive.run(words), 2, parts);
    };
    refused({}, {"dmi", "max_pool"});
    refused({"dim"}, {"'dim'", "dmi"});
    refused({"--classes", "3"}, {"--classes"});
    refused({"dmi", "--classes", "1"}, {"--classes 1", "at least 2"});
    refused({"dmi", "--classes", "-2"}, {"--classes -2"});
    refused({"dmi", "--samples", "0"}, {"--samples 0"});
    refused({"dmi", "--samples", "1e9"}, {"--samples 1e9", "whole number"});
    refused({"dmi", "--samples", "1000000000"}, {"--samples 1000000000", "at most 400"});
    refused({"ce", "--samples", "9223372036854775807", "--classes", "9223372036854775807"}, {"at most 400"});
    refused({"dmi", "--classes", "40", "--samples", "20"}, {"--classes 40"});
    refused({"dmi", "--noise", "1.5"}, {"--noise 1.5", "[0, 1]"});
    refused({"dmi", "--noise", "nan"}, {"--noise nan"});
    refused({"dmi", "--epsilon", "-1"}, {"--epsilon -1"});
    refused({"ce", "--q", "0.5"}, {"--q"});
    refused({"gce", "--q", "2"}, {"--q 2", "(0, 1]"});
    refused({"gce", "--q", "text"}, {"--q text"});
    refused({"fw", "--transition", "absent.txt"}, {"--transition", "absent.txt"});
    refused({"ce", "--format", "html"}, {"html"});
    refused({"ce", "--steps", "9"}, {"--steps 9", "1 to 8"});
    refused({"ce", "--steps", "1,0"}, {"--steps 0"});
    refused({"ce", "--graph", "tape.png"}, {"tape.png", ".svg"});
    refused({"ce", "--input", "in.csv", "--samples", "3"}, {"--samples", "--input"});
    refused({"linear", "--features", "0"}, {"--features 0"});
    refused({"linear", "--samples", "100", "--features", "100"}, {"x", "400"});
    refused({"conv2d", "--kernel", "9"}, {"9 x 9", "4 x 4"});
    refused({"conv2d", "--stride", "0"}, {"--stride 0"});
    refused({"max_pool", "--kernel", "3", "--pad", "2"}, {"--pad 2"});
    refused({"batch_norm", "--samples", "1"}, {"--samples 1", "from 2"});
    refused({"batch_norm", "--epsilon", "0"}, {"--epsilon 0"});
  }

  TEST_CASE("derive: bad input is exit code 1 with one sentence that names the file and the line") {
    const Derive derive;
    const auto refused = [&](const std::string& bytes, const std::vector<std::string>& words,
                             const std::vector<std::string>& parts) {
      expect_refusal(derive.on(bytes, words), 1, parts);
    };
    refused("a,b,label\n1,2,0\n3,1,2\n", {"dmi"}, {"in.csv, line 3", "'2'", "2 classes"});
    refused("a,b,label\n1,2,0\n3,1,-1\n", {"ce"}, {"line 3", "'-1'"});
    refused("a,b,label\n1,2,0.5\n", {"ce"}, {"line 2", "'0.5'"});
    refused("a,label\n1,0\n", {"ce"}, {"at least 2 classes"});
    refused("a,b\n1,0\n", {"ce"}, {"'label'"});
    refused("a,b,label\n1,x,0\n", {"ce"}, {"line 2, column 'b'", "'x'"});
    for (const std::string bad : {"nan", "inf", "-inf", "1e300", "", "1 2", "0x10"})
      refused("a,b,label\n1," + bad + ",0\n", {"ce"}, {"line 2, column 'b'", "'" + bad + "'"});
    refused("a,b,label\n1,2\n", {"ce"}, {"line 2", "2 fields"});
    refused("", {"ce"}, {"empty"});
    refused("a,b,label\n", {"ce"}, {"no row"});
    refused(std::string("a,b,label\n1,\0,0\n", 16), {"ce"}, {"zero byte"});
    std::string many = "a,b,label\n";
    for (int i = 0; i < 400; ++i) many += "1,2,0\n";
    refused(many, {"ce"}, {"400 rows", "400"});
    refused(std::string(2'000'000, '1'), {"ce"}, {"2000000 bytes"});
    refused("a,b,label\n1,2,0\n1,2,1\n", {"dmi"}, {"U is singular", "--epsilon"});
    refused("a,b,label\n1,2,1\n1,3,1\n", {"dmi"}, {"no sample has the label 0"});
    refused("a,b,label\n1,2,0\n1,2,1\n", {"fw"}, {"transition matrix", "--transition", "--noise"});
    refused("a,b\n1,2\n", {"batch_norm"}, {"1 row"});
    expect_refusal(derive.run({"ce", "--input", "absent.csv"}), 1, {"absent.csv"});
    expect_refusal(derive.run({"ce", "--input", ""}), 1, {"''"});
    expect_refusal(derive.run({"linear", "--weight", ""}), 1, {"''"});
    expect_refusal(derive.run({"ce", "--graph", ""}), 2, {"--graph"});
    expect_refusal(derive.run({"ce", "--input", "."}), 1, {"'.'"});
    expect_refusal(derive.run({"bw", "--noise", "1"}), 1, {"singular"});
    write_file_atomically(derive.path() / "w.csv", "a\n1\n");
    refused("a,b\n1,2\n", {"linear", "--weight", (derive.path() / "w.csv").string()}, {"columns"});
  }

  TEST_CASE("derive: a full disk is an error with its reason") {
    const Derive derive;
    const Outcome outcome = Process({"bash", "-c", program("derive") + " ce >/dev/full"}, derive.path()).wait();
    CHECK(outcome.code == 1);
    CHECK(outcome.err == "derive: standard output cannot be written to: No space left on device\n");
  }

  TEST_CASE("derive: one's own numbers") {
    const Derive derive;
    const Outcome outcome = derive.on("cat,label,dog\n1,0,2\n3,1,1\n", {"ce"});
    CHECK(outcome.code == 0);
    CHECK(outcome.out.find("    0    1 2\n    1    3 1\n") != std::string::npos);
    CHECK(derive.on("a,b\n1,2\n0,5\n", {"max_pool"}).out.find("formula  5\n") != std::string::npos);
  }

  TEST_CASE("derive: the drawing of the tape") {
    const Derive derive;
    const auto svg = derive.path() / "tape.svg", dot = derive.path() / "tape.dot";
    CHECK(derive.run({"dmi", "--graph", dot.string()}).code == 0);
    CHECK(read_file(dot).starts_with("digraph tape {"));
    CHECK(derive.run({"dmi", "--graph", "/nowhere/tape.svg"}).code == 1);

    // Where dot is missing, the walk is printed all the same, and the error says what to install.
    const Outcome missing = Process({"env", "PATH=" + derive.path().string(), program("derive"), "ce", "--graph",
                                     (derive.path() / "missing.svg").string()},
                                    derive.path())
                                .wait();
    CHECK(missing.code == 1);
    CHECK(missing.out.find("dL/dz") != std::string::npos);
    CHECK(missing.err.find("dot is not installed (Debian: graphviz)") != std::string::npos);
    CHECK(!std::filesystem::exists(derive.path() / "missing.svg"));

    if (std::system("command -v dot >/dev/null 2>&1") != 0) {
      MESSAGE("dot is not installed (Debian: graphviz): no SVG is drawn");
      return;
    }
    CHECK(derive.run({"dmi", "--graph", svg.string()}).code == 0);
    const std::string drawn = read_file(svg);
    for (const char* part : {"<svg", "log_abs_det", "dL/dz", "(8, 3) f64", "</svg>"}) {
      CAPTURE(part);
      CHECK(drawn.find(part) != std::string::npos);
    }
  }
}
