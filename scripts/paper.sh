#!/usr/bin/env bash
# The paper's experiments as far as this machine has their data: scripts/run paper.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
  cat <<'TEXT'
usage: scripts/run paper [--movie-reviews DIR] [--cifar10 DIR] [--dogs-vs-cats DIR] [--clothing1m DIR]
                         [--seeds 1,2,3] [--jobs N] [--device D] [--known DIR] [--out DIR] [--plan]

Runs the paper's experiments in full: Fashion-MNIST, whose data a Debian package has, and those whose data are given.
Says first what is missing and, from a short measurement, how long the rest will take. Trains one seed of each figure
before the next seed. After each part it writes the page of all results beside the paper, DIR/report/index.html.
The same command goes on where it was interrupted.

  --movie-reviews DIR, ...  the data of an experiment (scripts/run movie_reviews --help says where they come from)
  --seeds LIST              seeds of each run [1,2,3; the paper has five]
  --jobs N                  cells trained at once [one for each core; 1 on a GPU]
  --device D                cpu, cuda, cuda:1, ... [cuda if there is a GPU]
  --known DIR               leaves out runs that DIR/EXPERIMENT.jsonl has, such as docs/results, and shows them too
  --out DIR                 results [runs/paper]
  --plan                    only says what would be run
TEXT
}
bad_usage() {
  printf 'error: %s\n' "$*" >&2
  usage >&2
  exit 2
}

declare -A data=()
seeds=1,2,3 jobs=$(nproc) device=cpu known='' out=$root/runs/paper only_plan=0
if has_gpu; then jobs=1 device=cuda; fi
while (($#)); do
  flag=${1%%=*}
  case $flag in
    -h | --help)
      usage
      exit 0
      ;;
    --plan)
      only_plan=1
      shift
      continue
      ;;
    --movie-reviews | --cifar10 | --dogs-vs-cats | --clothing1m | --seeds | --jobs | --device | --known | --out) ;;
    *) bad_usage "unknown argument '$1'" ;;
  esac
  if [[ $1 == *=* ]]; then
    value=${1#*=}
  else
    (($# > 1)) || bad_usage "$flag needs a value"
    value=$2
    shift
  fi
  shift
  case $flag in
    --seeds) seeds=$value ;;
    --jobs) jobs=$value ;;
    --device) device=$value ;;
    --known) known=$(realpath -m "$value") ;;
    --out) out=$(realpath -m "$value") ;;
    *)
      name=${flag#--}
      [[ -d $value ]] || bad_usage "$flag $value: there is no such folder"
      data[${name//-/_}]=$(realpath "$value")
      ;;
  esac
done
[[ $seeds =~ ^[0-9]+(,[0-9]+)*$ ]] || bad_usage "--seeds $seeds: not a list of numbers such as 1,2,3"
[[ $jobs =~ ^[1-9][0-9]*$ ]] || bad_usage "--jobs $jobs: not a number of cells"
[[ -z $known || -d $known ]] || bad_usage "--known $known: there is no such folder"

# The panels of the paper, those that tell the most for their cost first: experiment and noise.
order='fashion_mnist clothes-to-bags
fashion_mnist bags-to-clothes
movie_reviews positive-to-negative
fashion_mnist uniform
cifar10 similar-classes
dogs_vs_cats cat-to-dog
clothing1m none'
experiments=$(cut -d ' ' -f 1 <<<"$order" | sort -u)

available() { [[ $1 == fashion_mnist || -n ${data[$1]:-} ]]; }
# noise_flags NOISE RATES: labels that are noisy by themselves have no rate.
noise_flags() {
  printf '%s\n' --noise "$1"
  [[ $1 == none ]] || printf '%s\n' --rate "$2"
}
data_flags() { [[ -z ${data[$1]:-} ]] || printf '%s\n' --data "${data[$1]}"; }

# measure EXPERIMENT NOISE SAMPLES: the seconds of an epoch of so many samples, from one of a few batches on one job's
# share of the threads.
measure() {
  local experiment=$1 threads=$(($(nproc) / jobs)) limit=1280 flags
  ((threads > 0)) || threads=1
  mapfile -t flags < <(data_flags "$experiment"; noise_flags "$2" 0.5)
  # The two image networks that take long are measured on less, in the proportion of training to validation samples.
  [[ $experiment == fashion_mnist || $experiment == movie_reviews ]] || limit=256
  if ! "$bin/$experiment" "${flags[@]}" --method ce --seed 1 --limit $limit --validation-limit $((limit / 4)) \
    --epoch-factor 0.0001 --threads "$threads" --device "$device" --out "$scratch/$experiment" \
    >"$scratch/$experiment.log" 2>&1; then
    tail -n 3 "$scratch/$experiment.log" >&2
    return 1
  fi
  # A line's own "seconds" comes before those in its settings.
  grep -o '"seconds":[0-9.e+-]*' "$scratch/$experiment/results.jsonl" | head -n 1 |
    awk -F: -v whole="$3" -v limit=$limit '{ print $2 * whole / limit }'
}

# cell_seconds METHODS EPOCH PRETRAINING DMI OTHER: of training one cell, in whole seconds, from those of an epoch and the
# numbers of epochs.
cell_seconds() {
  local others
  others=$(tr ',' '\n' <<<"$1" | grep -cvxE 'ce|dmi' || true)
  awk -v epoch="$2" -v epochs=$(($3 + $4 + $5 * others)) 'BEGIN { printf "%d", epoch * epochs + 1 }'
}

duration() {
  if (($1 >= 172800)); then
    printf '%d days' $(($1 / 86400))
  elif (($1 >= 3600)); then
    printf '%d h %02d min' $(($1 / 3600)) $(($1 % 3600 / 60))
  else
    printf '%d min' $((($1 + 59) / 60))
  fi
}

# runs_done EXPERIMENT NOISE SEED METHODS: how many of a part's runs have a result, here or among the known.
runs_done() {
  local line="\"noise\":\"$2\",\"rate\":[0-9.]*,\"method\":\"(${4//,/|})\",\"seed\":$3,"
  { grep -ohsE "$line" "$out/$1/results.jsonl" "$known/$1.jsonl" || true; } | sort -u | wc -l
}

# Every other rate before those between, so that a sweep that is stopped spans the figure.
spread() {
  awk -F, '{
    for (i = 2; i <= NF; i += 2) list = list $i ","
    for (i = 1; i <= NF; i += 2) list = list $i ","
    print substr(list, 1, length(list) - 1)
  }' <<<"$1"
}
count_of() { tr ',' '\n' <<<"$1" | wc -l; }

targets=(report)
for experiment in $experiments; do
  if available "$experiment"; then targets+=("$experiment"); fi
done
ensure "$run_needs"
lean_options
configure release "${lean[@]}"
build release "${targets[@]}"
bin=$root/build/release/bin

# Of each panel by "EXPERIMENT NOISE": methods, rates, training samples, epochs of pre-training, of dmi and of others.
declare -A panels=() epoch_seconds=()
while read -r experiment noise rest; do panels["$experiment $noise"]=$rest; done < <("$bin/report" --paper)

say "Measuring"
while read -r experiment noise; do
  if ! available "$experiment" || [[ -n ${epoch_seconds[$experiment]:-} ]]; then continue; fi
  read -r _ _ samples _ <<<"${panels["$experiment $noise"]}"
  if ! epoch_seconds[$experiment]=$(measure "$experiment" "$noise" "$samples"); then
    die "$experiment cannot be run with these data (its message is above)"
  fi
done <<<"$order"

# The plan, a line for each seed and panel: seed, experiment, noise, methods, rates, cells, and seconds of what is not done
# yet.
plan=() total_cells=0 total_seconds=0
for seed in ${seeds//,/ }; do
  while read -r experiment noise; do
    if ! available "$experiment"; then continue; fi
    read -r methods rates _ epochs <<<"${panels["$experiment $noise"]}"
    rates=$(spread "$rates")
    cells=$(count_of "$rates")
    at_once=$((jobs < cells ? jobs : cells))
    runs=$((cells * $(count_of "$methods")))
    missing=$((runs - $(runs_done "$experiment" "$noise" "$seed" "$methods")))
    # shellcheck disable=SC2086  # three numbers
    seconds=$((cells * $(cell_seconds "$methods" "${epoch_seconds[$experiment]}" $epochs) / at_once))
    seconds=$((seconds * missing / runs))
    plan+=("$seed $experiment $noise $methods $rates $cells $seconds")
    total_cells=$((total_cells + cells)) total_seconds=$((total_seconds + seconds))
  done <<<"$order"
done

say "On $device, $jobs cells at once, as estimated from a few batches, without the runs that are done:"
while read -r experiment noise; do
  if available "$experiment"; then
    part_cells=0 part_seconds=0
    for line in "${plan[@]}"; do
      read -r _ name kind methods _ cells seconds <<<"$line"
      [[ $name == "$experiment" && $kind == "$noise" ]] || continue
      part_cells=$((part_cells + cells)) part_seconds=$((part_seconds + seconds)) shown=$methods
    done
    say "  $experiment, $noise, $shown: $part_cells cells, about $(duration "$part_seconds")"
  else
    say "  $experiment, $noise: left out, since --${experiment//_/-} does not name its data"
  fi
done <<<"$order"
say "Together $total_cells cells with the seeds $seeds, about $(duration $total_seconds). Results: $out"
if ((only_plan)); then exit 0; fi

write_page() {
  local runs=() file experiment
  for experiment in "${targets[@]:1}"; do
    [[ ! -e $out/$experiment/results.jsonl ]] || runs+=("$out/$experiment")
  done
  if [[ -n $known ]]; then
    for file in "$known"/*.jsonl; do [[ ! -e $file ]] || runs=("$file" "${runs[@]}"); done
  fi
  ((${#runs[@]} == 0)) || "$bin/report" --runs "${runs[@]}" --out "$out/report" >"$scratch/report.log" ||
    printf 'warning: the page of the results was not written (message above)\n' >&2
}

# run_part COMMAND...: its exit code is `status`. A signal is passed on, so that the training writes a checkpoint first.
child='' stopped=0
trap 'stopped=1; [[ -z $child ]] || kill -TERM "$child" 2>/dev/null || true' INT TERM HUP
run_part() {
  status=0
  "$@" &
  child=$!
  wait "$child" || status=$?
  while kill -0 "$child" 2>/dev/null; do  # a signal ends the wait before the training
    status=0
    wait "$child" || status=$?
  done
  child=''
}

# Runs the parts; the time left is that of the plan, scaled by how well it has held so far.
began=$SECONDS done_cells=0 done_seconds=0 failed=()
for line in "${plan[@]}"; do
  read -r seed experiment noise methods rates cells seconds <<<"$line"
  left=$((total_seconds - done_seconds)) took=$((SECONDS - began))
  if ((done_seconds > 0 && took > 0)); then left=$((left * took / done_seconds)); fi
  say ""
  say "$done_cells of $total_cells cells done, about $(duration $left) left; now $experiment, $noise, seed $seed"
  mapfile -t flags < <(data_flags "$experiment"; noise_flags "$noise" "$rates")
  flags+=(--method "$methods" --seed "$seed" --jobs "$jobs" --device "$device" --out "$out/$experiment")
  if [[ -e $known/$experiment.jsonl ]]; then flags+=(--known "$known/$experiment.jsonl"); fi
  run_part "$bin/$experiment" "${flags[@]}"
  write_page
  if ((stopped || status > 128)); then
    say "Interrupted. The same command goes on from here."
    [[ ! -e $out/report/index.html ]] || say "The page so far: $out/report/index.html"
    exit $((status > 128 ? status : 130))
  fi
  ((status == 0)) || failed+=("$experiment, $noise, seed $seed")
  done_cells=$((done_cells + cells)) done_seconds=$((done_seconds + seconds))
done

say ""
say "The results beside the paper: $out/report/index.html"
((${#failed[@]} == 0)) || die "failed: $(printf '%s; ' "${failed[@]}")see the messages above"
