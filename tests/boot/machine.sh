#!/bin/sh
# Boots the system in a folder as a machine of its own: own processes, cgroups, mounts, /dev; the network is its caller's.
# Prints "machine PID" with the PID of its init, and ends when that does. Leaves nothing behind.
set -eu
root=$1

# The machine gets a group of its own in every hierarchy of the cgroups there are, old (v1) or new (v2).
hierarchies=$(mktemp -d -p /run)
while IFS=: read -r _ controllers path; do
  name=${controllers:-unified}
  name=${name#name=}
  case $controllers in
    "") type=cgroup2 options=rw ;;
    name=*) type=cgroup options=none,$controllers ;;
    *) type=cgroup options=$controllers ;;
  esac
  mkdir "$hierarchies/$name"
  mount -t "$type" -o "$options" cgroup "$hierarchies/$name" || continue
  mkdir "$hierarchies/$name$path/mdproxy4cs-$$" || continue
  # A cpuset has to be filled before it can be joined, and nobody needs it here.
  echo $$ 2>/dev/null > "$hierarchies/$name$path/mdproxy4cs-$$/cgroup.procs" || true
done < /proc/self/cgroup

clean_up() {
  kill -KILL "${machine:-}" 2>/dev/null || true
  wait
  while IFS=: read -r _ controllers path; do
    name=${controllers:-unified}
    parent=$hierarchies/${name#name=}${path%"/mdproxy4cs-$$"}
    echo $$ 2>/dev/null > "$parent/cgroup.procs" || true
    remove "$parent/mdproxy4cs-$$"
  done < /proc/self/cgroup
}

# A group can be removed once the last process in it is gone for good, which is a moment after its init.
remove() {
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    find "$1" -depth -type d -exec rmdir {} + 2>/dev/null || true
    [ -d "$1" ] || return 0
    sleep 0.2
  done
}
trap clean_up EXIT
trap 'exit 0' TERM INT

# shellcheck disable=SC2016  # the inner shell's variables
setpriv --pdeathsig KILL unshare --kill-child --fork --pid --mount --ipc --uts --cgroup sh -euc '
  root=$1 hierarchies=$2
  read -r pid _ < /proc/self/stat  # as those outside know it
  mount --bind "$root" "$root"
  mount -t proc proc "$root/proc"
  mount -t sysfs -o ro sysfs "$root/sys"
  mount -t tmpfs tmpfs "$root/run"
  mount -t tmpfs tmpfs "$root/tmp"
  mount -t tmpfs -o mode=755 tmpfs "$root/dev"
  for device in null zero random urandom full tty; do
    : > "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
  done
  mkdir "$root/dev/pts" "$root/dev/shm"
  ln -s pts/ptmx "$root/dev/ptmx"
  mount -t devpts devpts "$root/dev/pts"
  mount -t tmpfs tmpfs "$root/dev/shm"
  # As the machine around has them: the new hierarchy alone, or the old ones with the new one beside.
  if [ "$(ls "$hierarchies")" = unified ]; then
    mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
  else
    mount -t tmpfs -o mode=755 tmpfs "$root/sys/fs/cgroup"
    for name in $(ls "$hierarchies"); do
      mkdir "$root/sys/fs/cgroup/$name"
      case $name in
        unified) mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup/$name" ;;
        systemd) mount -t cgroup -o none,name=systemd cgroup "$root/sys/fs/cgroup/$name" ;;
        *) mount -t cgroup -o "$name" cgroup "$root/sys/fs/cgroup/$name" ;;
      esac
    done
  fi
  hostname vm
  cd "$root"
  pivot_root . mnt
  echo "machine $pid"
  exec chroot . sh -c "umount -l /mnt; exec env -i container=other /sbin/init"
' sh "$root" "$hierarchies" < /dev/null &
machine=$!

wait "$machine" || true
