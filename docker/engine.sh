#!/bin/sh
# A Docker engine for the tests of the container runtime, on a machine that may have none.
#
#   docker/engine.sh start   take the engine that answers, or install and start one; then make the node image
#   docker/engine.sh stop    end the engine that `start` has started, and no other
#
# Says in one line what it did, or why it could not. Never fails: the container tests are then reported as
# skipped, and everything else is tested. Installs only as root, and only from the system's own packages.
set -u

here=$(cd "$(dirname "$0")" && pwd)
state=/run/aurora-lab-docker
python=${PYTHON:-$here/../.venv/bin/python}

say() { echo "containers: $*"; }
give_up() { say "not tested here: $*"; exit 0; }
answers() { timeout 10 docker version --format '{{.Server.Version}}' 2>/dev/null; }
last_line() { grep -v '^ *$' "$1" 2>/dev/null | tail -n 1; }

install_engine() {
    [ "$(id -u)" = 0 ] || give_up "no Docker engine answers, and only root can install one"
    command -v apt-get >/dev/null || give_up "no Docker engine answers, and there is no apt-get to install one with"
    log=$(mktemp)
    {
        DEBIAN_FRONTEND=noninteractive timeout 120 apt-get update -q &&
            DEBIAN_FRONTEND=noninteractive timeout 300 \
                apt-get install -q -y --no-install-recommends docker.io iptables
    } >"$log" 2>&1 </dev/null || give_up "docker.io could not be installed: $(last_line "$log")"
    rm -f "$log"
}

start_engine() {
    [ "$(id -u)" = 0 ] || give_up "no Docker engine answers, and only root can start one"
    mkdir -p "$state"
    setsid dockerd --pidfile "$state/dockerd.pid" >"$state/dockerd.log" 2>&1 </dev/null &
    tries=0
    until answers >/dev/null; do
        tries=$((tries + 1))
        [ -d "/proc/$!" ] || [ ! -d /proc/self ] || give_up "dockerd ended: $(last_line "$state/dockerd.log")"
        [ "$tries" -lt 150 ] || { stop_engine; give_up "dockerd did not answer within 30 s"; }
        sleep 0.2
    done
}

stop_engine() {
    pid=$(cat "$state/dockerd.pid" 2>/dev/null) || return 1
    case $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null) in
        *dockerd*"$state/dockerd.pid"*) ;;
        *) return 1 ;;
    esac
    kill "$pid"
    tries=0
    while [ -d "/proc/$pid" ] && [ "$tries" -lt 150 ]; do
        tries=$((tries + 1))
        sleep 0.2
    done
    rm -rf "$state"
}

case "${1:-}" in
    start)
        if ! version=$(answers); then
            command -v dockerd >/dev/null || install_engine
            start_engine
            version=$(answers)
        fi
        log=$(mktemp)
        "$python" -m aurora_lab.runtime.image >"$log" 2>&1 || give_up "no node image: $(last_line "$log")"
        say "Docker $version answers; $(last_line "$log")"
        rm -f "$log"
        ;;
    stop)
        if stop_engine; then say "stopped the engine that was started for the tests"; else say "no engine of ours runs"; fi
        ;;
    *)
        sed -n '2,8s/^# \{0,1\}//p' "$0"
        exit 2
        ;;
esac
