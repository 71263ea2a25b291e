# The control group that holds every process of the cluster: daemons, shims and pods. Sourced after settings.sh.
# A process cannot leave its group by forking, so that killing the group's processes ends the cluster's and no others, whatever crashed.
# shellcheck shell=bash

cgroup_is_v2() { [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; }

cgroup_hierarchies() { # the mount points: one with v2; with v1 one for each set of controllers, and often a v2 without any
  findmnt --raw --noheadings --types cgroup,cgroup2 --output TARGET
}

# A group has the weight of one process beside the processes outside of any: without more, a busy machine starves all of the cluster. And pods
# must not starve the API server.
weigh_cgroups() { # HIERARCHY
  if [ -e "$1/$CGROUP/cpu.shares" ]; then
    echo 40960 >"$1/$CGROUP/cpu.shares"
    echo 4096 >"$1/$CGROUP/daemons/cpu.shares"
  elif [ -e "$1/$CGROUP/cpu.weight" ]; then
    echo 4000 >"$1/$CGROUP/cpu.weight"
    echo 400 >"$1/$CGROUP/daemons/cpu.weight"
  fi
}

make_cgroups() {
  local hierarchy value
  for hierarchy in $(cgroup_hierarchies); do
    mkdir -p "$hierarchy/$CGROUP/daemons"
    if cgroup_is_v2; then
      sed 's/[a-z_]*/+&/g' "$hierarchy/cgroup.controllers" >"$hierarchy/cgroup.subtree_control"
      sed 's/[a-z_]*/+&/g' "$hierarchy/cgroup.controllers" >"$hierarchy/$CGROUP/cgroup.subtree_control"
    elif [ -e "$hierarchy/cpuset.cpus" ]; then
      # A new cpuset of v1 is empty, and an empty one accepts no process.
      for value in cpuset.cpus cpuset.mems; do
        cat "$hierarchy/$value" >"$hierarchy/$CGROUP/$value"
        cat "$hierarchy/$value" >"$hierarchy/$CGROUP/daemons/$value"
      done
    fi
    weigh_cgroups "$hierarchy"
  done
}

enter_cgroup() { # moves the calling (sub)shell
  local hierarchy
  for hierarchy in $(cgroup_hierarchies); do echo "$BASHPID" >"$hierarchy/$CGROUP/daemons/cgroup.procs"; done
}

cgroup_processes() {
  local hierarchy
  for hierarchy in $(cgroup_hierarchies); do
    [ ! -d "$hierarchy/$CGROUP" ] || find "$hierarchy/$CGROUP" -name cgroup.procs -exec cat {} + 2>/dev/null || true
  done | sort -un
}

cgroup_is_empty() { [ -z "$(cgroup_processes)" ]; }

kill_cgroup_once() { # false while a process is left
  local process
  for process in $(cgroup_processes); do kill -KILL "$process" 2>/dev/null || true; done
  cgroup_is_empty
}

remove_cgroups() {
  local hierarchy
  eventually 20 kill_cgroup_once || die "down: these processes of the cluster do not end: $(cgroup_processes | tr '\n' ' ')"
  for hierarchy in $(cgroup_hierarchies); do
    [ ! -d "$hierarchy/$CGROUP" ] || find "$hierarchy/$CGROUP" -depth -type d -exec rmdir {} + 2>/dev/null || true
  done
}
