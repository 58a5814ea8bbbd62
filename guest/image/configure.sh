#!/bin/sh
# Runs inside the new root, after its packages are installed.
set -eu

useradd --uid 1000 --user-group --create-home --shell /bin/bash app
ln -s /home/app /app
printf 'app ALL=(ALL:ALL) NOPASSWD: ALL\n' >/etc/sudoers.d/app
chmod 0440 /etc/sudoers.d/app

# What 'sudo npm install -g' installs is for all; without sudo it is for the user, in ~/.local.
printf 'prefix=/usr/local\n' >/root/.npmrc

# Byte code that is valid whatever the time stamps are, in files that come out the same on every build.
find / -xdev -name __pycache__ -type d -prune -exec rm -rf {} +
for library in /usr/lib/python3 /usr/lib/python3.*; do
  env -i PYTHONHASHSEED=0 /usr/bin/python3 -S -B -m compileall -q -f --invalidation-mode unchecked-hash "$library"
done

rm -f /etc/ssh/ssh_host_* /var/log/alternatives.log /var/log/fontconfig.log /etc/*- /var/cache/debconf/*-old
rm -rf /var/log/apt/* /var/cache/ldconfig/aux-cache /root/.npm
