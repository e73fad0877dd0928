// Learning-rate schedules: functions of the epoch, counted from 0.
#pragma once

#include <functional>
#include <vector>

namespace cofactor {

using Schedule = std::function<double(int epoch)>;

// The same rate in every epoch.
inline Schedule constant_rate(double lr) {
  return [lr](int) { return lr; };
}

// `lr` at first, then from each listed epoch on the rate listed with it, in ascending order of epochs:
// step_rate(0.1, {{40, 0.01}, {80, 0.001}}).
struct RateFrom {
  int epoch;
  double lr;
};
inline Schedule step_rate(double lr, std::vector<RateFrom> steps) {
  return [lr, steps = std::move(steps)](int epoch) {
    double rate = lr;
    for (const RateFrom& step : steps)
      if (epoch >= step.epoch) rate = step.lr;
    return rate;
  };
}

}  // namespace cofactor
