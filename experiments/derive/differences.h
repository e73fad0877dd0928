// Central differences, extrapolated to step 0.
#pragma once

#include <functional>

namespace cofactor {

// The derivative of f at 0 by the central differences (f(h) - f(-h)) / (2 h) for h = step, step / 1.4, step / 1.96,
// ...: their error is a series in h^2, of which Richardson's extrapolation removes one term after another. The result
// is the entry of the tableau that differs least from its neighbours (Ridders, Accurate computation of F'(x) and F'(x)
// F''(x), 1982). f must be smooth in [-step, step].
double central_difference(const std::function<double(double)>& f, double step);

}  // namespace cofactor
