#!/bin/bash
# Removes a directory that a build made, or left when it was killed:
#
#   clear.sh DIRECTORY
#
# DIRECTORY/work may be a link to scratch space elsewhere, in which there may be files of subordinate ids.
set -uo pipefail
directory=${1:?usage: clear.sh DIRECTORY}

remove() {
  rm -rf -- "$1" 2>/dev/null && return
  mmdebstrap --unshare-helper rm -rf -- "$1" 2>/dev/null
  rm -rf -- "$1"
}

if [ -L "$directory/work" ]; then
  elsewhere=$(readlink -- "$directory/work")
  case $elsewhere in
    /*/belljar-image.*) remove "$elsewhere" || exit 1 ;;
  esac
fi
remove "$directory"
