// The trace's format: what Chrome's and Perfetto's viewers require of each event.
#include "engine/profile/trace.h"

#include <doctest/doctest.h>

#include "engine/io/json.h"
#include "tests/engine/profile/small_step.h"

namespace cofactor::testing {

TEST_SUITE("unit") {
  TEST_CASE("trace: it is JSON whose events have what the format requires") {
    for (const Device device : available_devices()) {
      CAPTURE(device);
      SmallStep step(device);
      ProfileRecording recording(device);
      {
        ProfileRecording::Step recorded(recording);
        step.run();
        recorded.keep();
      }
      const std::string text = write_json(trace_of(recording.events(), {{"run", "\"<\\ \n é"}}));
      CHECK(text.starts_with(kTraceBegins));
      const Json trace = parse_json(text);
      CHECK(trace["otherData"]["run"] == "\"<\\ \n é");
      int complete = 0;
      for (const Json& event : trace["traceEvents"]) {
        CAPTURE(write_json(event));
        for (const char* name : {"ts", "dur"}) CHECK(field<double>(event, name) >= 0.0);
        for (const char* name : {"pid", "tid"}) CHECK(field<int>(event, name) >= 0);
        CHECK(!field<std::string>(event, "name").empty());
        const std::string phase = field<std::string>(event, "ph");
        CHECK((phase == "X" || phase == "M"));
        complete += phase == "X" ? 1 : 0;
      }
      CHECK(complete >= 30);
    }
  }

  TEST_CASE("trace: an event's times are in microseconds and its arguments say what it did") {
    const ProfileEvent kernel{.name = "unary",
                              .detail = "relu",
                              .begin = 5'879,
                              .end = 7'879,
                              .cost = {1000.0, 8000.0},
                              .tensors = {TensorSpec({10, 100}, DType::f32), TensorSpec()}};
    const Json trace = trace_of({kernel}, Json::object());
    const Json& event = trace["traceEvents"].back();
    CHECK(write_json(event) ==
          R"({"name":"unary relu","cat":"kernel","ph":"X","ts":5.879,"dur":2.0,"pid":1,"tid":1,)"
          R"("args":{"shapes":["(10, 100) f32","none"],"flops":1000.0,"bytes":8000.0,"GFLOP/s":0.5,"GB/s":4.0}})");
  }

  TEST_CASE("trace: kernels that ran beside the host are on the device's track too") {
    const ProfileEvent kernel{.name = "fill", .begin = 1'000, .end = 2'000, .device_begin = 4'000, .device_end = 9'000};
    const Json trace = trace_of({kernel}, Json::object());
    const Json& events = trace["traceEvents"];
    CHECK(write_json(events[1]) ==
          R"({"name":"thread_name","ph":"M","ts":0,"dur":0,"pid":1,"tid":0,"args":{"name":"device"}})");
    CHECK(field<double>(events.back(), "ts") == 4.0);
    CHECK(field<double>(events.back(), "dur") == 5.0);
    CHECK(field<int>(events.back(), "tid") == 0);
    CHECK(field<int>(events[events.size() - 2], "tid") == 1);
  }
}

}  // namespace cofactor::testing
