# Finds a JDK; read by `belljar` and `bench/run`.

required=25
no_jdk="there is no JDK $required or newer in JAVA_HOME, on PATH, in /usr/lib/jvm, /opt, ~/.sdkman or ~/.jdks. \
Install one, for example with: apt-get install openjdk-$required-jdk-headless (or from https://adoptium.net), or set JAVA_HOME."

# Sets `major` to the version of the JDK in $1; 0 where there is none. Every JDK since 8 has the file
# `release`; starting each java to ask it would take longer than all the rest.
version_of() {
  major=0
  [ -x "$1/bin/java" ] && [ -x "$1/bin/javac" ] && [ -r "$1/release" ] || return 0
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in
      JAVA_VERSION=*)
        major=${line#JAVA_VERSION=}
        major=${major#\"}
        major=${major%%[!0-9]*}
        ;;
    esac
  done < "$1/release"
  [ -n "$major" ] || major=0
}

# Sets `jdk`: the user's choice where it fits, else the newest in the usual places; empty where there is none.
find_jdk() {
  jdk=
  if [ -n "${JAVA_HOME:-}" ]; then
    version_of "$JAVA_HOME"
    if [ "$major" -ge "$required" ]; then
      jdk=$JAVA_HOME
      return
    fi
  fi
  if java=$(command -v java); then
    home=$(dirname "$(dirname "$(readlink -f "$java")")")
    version_of "$home"
    if [ "$major" -ge "$required" ]; then
      jdk=$home
      return
    fi
  fi
  newest=0
  for home in /usr/lib/jvm/* "${HOME:-/nonexistent}"/.sdkman/candidates/java/* \
      "${HOME:-/nonexistent}"/.jdks/* /opt/* /usr/java/* /usr/local/*jdk*; do
    version_of "$home"
    if [ "$major" -ge "$required" ] && [ "$major" -gt "$newest" ]; then
      newest=$major
      jdk=$home
    fi
  done
}
