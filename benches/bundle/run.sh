#!/bin/sh
# Runs what `cargo xtask bench --bundle` put beside it, on a machine without toolchains.
#
#   ./run.sh [-r ROUNDS] [-p "1 2 4 8 16"] [-w "fib skynet"] > lines.jsonl
#
# The programs take turns, round by round, over GOMAXPROCS and workloads. One JSON line per measured
# quantity goes to stdout, what fails to stderr. `cargo xtask bench --scaling lines.jsonl` draws it.
set -u
here=$(cd "$(dirname "$0")" && pwd)
rounds=3 procs='' workloads=''
while getopts r:p:w: option; do
    case $option in
        r) rounds=$OPTARG ;;
        p) procs=$OPTARG ;;
        w) workloads=$OPTARG ;;
        *) exit 2 ;;
    esac
done
# echo and idle need 2000 descriptors.
ulimit -n "$(ulimit -Hn)" 2>/dev/null
if [ -z "$procs" ]; then
    most=$(getconf _NPROCESSORS_ONLN)
    p=1
    while [ "$p" -le "$most" ] && [ "$p" -le 16 ]; do
        procs="$procs $p"
        p=$((p * 2))
    done
fi
# http needs a client that is not in the bundle.
if [ -z "$workloads" ]; then
    workloads=$("$here/bin/gmp-bench" --list | cut -f1 | grep -v '^http')
fi
for workload in $workloads; do
    contestants=''
    for program in "$here"/bin/*-bench; do
        if "$program" --list | grep -qx "$workload"; then
            contestants="$contestants $program"
        fi
    done
    for p in $procs; do
        round=0
        failed=' '
        while [ "$round" -lt "$rounds" ]; do
            round=$((round + 1))
            for program in $contestants; do
                case $failed in *" $program "*) continue ;; esac
                printf '%s, GOMAXPROCS %s, round %s: %s\n' \
                    "$workload" "$p" "$round" "${program##*/}" >&2
                if ! timeout 60 env RUST_BACKTRACE=0 "$program" "$workload" --procs "$p"; then
                    echo "missing: ${program##*/} $workload --procs $p" >&2
                    failed="$failed$program "
                fi
            done
        done
    done
done
