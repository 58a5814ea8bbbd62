#!/bin/bash
# Runs one step of a build so that nothing of it outlives who asked for it:
#
#   setsid lifeline.sh LOCK COMMAND [ARG…]
#
# Standard input is a pipe from whoever asked. At its end, or at SIGTERM, every process of this session's group is ended:
# asked first, so that it clears up, and killed after some seconds. The step and all its children hold LOCK, so that the
# next build can wait until the last of them is really gone.
set -u
lock=$1
shift

exec 8<&0 </dev/null 9>>"$lock"
flock 9

# Whether somebody else is left in this process group.
others() {
  local file line fields
  for file in /proc/[0-9]*/stat; do
    { read -r line <"$file"; } 2>/dev/null || continue
    read -ra fields <<<"${line##*) }"   # state, parent, group
    if [ "${fields[2]}" = "$$" ] && [ "${fields[0]}" != Z ] && [ "${line%% *}" != "$$" ]; then return 0; fi
  done
  return 1
}

end_others() {
  trap '' TERM
  kill -TERM 0
  for ((i = 0; i < 50; i++)); do
    others || return
    sleep 0.1 9>&-
  done
  kill -KILL 0
}

trap 'end_others; exit 143' TERM
trap : HUP   # a tool that fails may send it to the whole group

cat <&8 >/dev/null 9>&- &
lifeline=$!
"$@" 8<&- &
step=$!

while kill -0 "$lifeline" 2>/dev/null && kill -0 "$step" 2>/dev/null; do wait -n; done
if kill -0 "$lifeline" 2>/dev/null; then
  wait "$step"
  status=$?
else
  status=143
fi
end_others
exit "$status"
