# Starting, watching and stopping the cluster's long-running programs. Sourced after settings.sh and cgroups.sh.
# shellcheck shell=bash

start_daemon() { # NAME COMMAND...
  local name=$1
  shift
  mkdir -p "$RUN/logs" "$RUN/pids"
  (
    exec 9>&- # the lock belongs to the script, not to what it starts
    enter_cgroup
    exec setsid "$@" </dev/null >"$RUN/logs/$name.log" 2>&1
  ) &
  echo "$! $(started_at $!)" >"$RUN/pids/$name"
}

# Process numbers are used again after a reboot; together with the start time they name one process only.
started_at() { # PID
  awk '{ sub(/.*\) /, ""); print $20 }' "/proc/$1/stat" 2>/dev/null || true
}

daemon_lives() { # NAME
  local pid started
  read -r pid started 2>/dev/null <"$RUN/pids/$1" && [ -n "$started" ] && [ "$(started_at "$pid")" = "$started" ]
}

every_daemon_lives() { # names the first that does not
  local file
  for file in "$RUN"/pids/*; do
    [ -e "$file" ] || continue
    daemon_lives "$(basename "$file")" || { basename "$file"; return 1; }
  done
}

wait_for_daemon() { # NAME SECONDS COMMAND...: dies with the daemon's last words if it ends or takes too long
  local name=$1 seconds=$2
  shift 2
  eventually "$seconds" daemon_answers_or_ended "$name" "$@" && daemon_lives "$name" && return 0
  die "up: $name did not get ready in $seconds s; the end of $RUN/logs/$name.log: $(tail -n 1 "$RUN/logs/$name.log" | cut -c1-300)"
}

daemon_answers_or_ended() { # NAME COMMAND...
  daemon_lives "$1" || return 0
  shift
  "$@"
}

stop_daemon() { # NAME
  local pid
  daemon_lives "$1" || { rm -f "$RUN/pids/$1"; return 0; }
  read -r pid _ <"$RUN/pids/$1"
  kill -TERM "$pid"
  eventually 10 daemon_ended "$1" || kill -KILL "$pid" 2>/dev/null || true
  rm -f "$RUN/pids/$1"
}

daemon_ended() { ! daemon_lives "$1"; }
