#!/bin/sh
# The demo: one suite of three benchmarks and a judge report on built-in data and simulated models,
# and one report over all of it.
# Usage: sh runs/demo/run.sh .venv/bin/python
set -eu
python=$1
export METAFLOW_DEFAULT_METADATA=local METAFLOW_DEFAULT_DATASTORE=local
log=local_data/demo.log
logs=local_data/suites/demo-suite
results=evaluation_results/demo-suite
mkdir -p local_data

# What a run printed from the line that begins with $2 on to its results' places, from its log,
# without Metaflow's prefixes.
tell() {
    sed 's/^[^]]*\] //' "$logs/$1.log" | awk -v title="$2" '
        index($0, title) == 1 { on = 1 }
        /^(Task finished|Judged pairs:|Results:)/ { on = 0 }
        on'
    echo
}

# All goes into the log; the runs that are done are told as they come.
echo "  suite_flow.py run --spec runs/demo/suite.yaml     (one to three minutes; log: $log)"
: >"$log"
{ "$python" suite_flow.py run --spec runs/demo/suite.yaml 2>&1 && echo "All runs are done."; } |
    while IFS= read -r line; do
        printf '%s\n' "$line" >>"$log"
        case $line in *": done ("*) printf '  %s\n' "${line##*] }" ;; esac
    done
grep -q "^All runs are done" "$log" || {
    tail -25 "$log"
    echo "The demo stopped; the whole log is in $log, those of its runs in $logs/"
    exit 1
}
echo
echo "Calibration: is the judge that all of this rests on fit for the job?"
echo "planted: sim/judge reads stances without error (PAC error 0, all rates 1)"
tell calibration "Judge report: sim/judge"
echo "VAL-Bench: do simulated models keep one stance when asked from both sides?"
echo "planted PAC: steadfast 100, hedger 75, waverer 50 on average, agreeable 0; REF and NINF 0"
for model in steadfast hedger waverer agreeable; do
    tell "val_bench-sim-$model-judge" "VAL-Bench: sim/$model,"
done
echo "Steerability: do they act like the persona they are steered to?"
echo "planted: steadfast ignores its steering (sensitivity 0.50), the other three follow it (near 1)"
tell steerability "Steerability: sim/"
echo "EigenBench: they judge each other by a constitution of care; whom do they trust?"
echo "planted quality: agreeable 0.8, steadfast 0.6, hedger and waverer equal at 0.5; order bias 0"
tell eigenbench "EigenBench: "
echo "All together:"
sed 's/^[^]]*\] //' "$log" | grep -A 40 "^Plumbline demo" | grep -B 40 -m 1 "^Report:" | grep -v "^Report:"
echo "Report:  $results/report/report.html    (open it in a browser)"
echo "Results: $results/    Responses and verdicts: local_results/demo-suite/"
