#!/bin/bash
# Small Debian systems in folders, to try things on releases that this machine does not run.
#
#     chroot.sh make SUITE DIR        makes one (trixie, sid, ...) unless DIR is one already
#     chroot.sh run DIR COMMAND...    runs a command in it, as root
#     chroot.sh try DIR COMMAND...    the same, and what the command changes is dropped
#     chroot.sh become DIR COMMAND... becomes a command in it: signals reach it, and it has our variables,
#                                     this machine's folder for what is temporary, and the one we stand in
#     chroot.sh sources DIR           copies the sources to DIR/src, where its build/ stays
#
# Exit status 77: this machine does not let us; the last line says why. A command runs in
# namespaces of its own: what is mounted for it and what it starts end with it, however it
# ends. With BIND=FOLDER it finds that folder, read-only, at /mnt. The way to the network is
# this machine's: the mirror that its apt uses, its proxy, the authorities that node trusts.
set -euo pipefail

cannot() { printf 'chroot: %s\n' "$*" >&2; exit 77; }

# Debian's main archive among the package lists that apt knows.
mirror()
{
	command -v apt-get >/dev/null || return 0
	# shellcheck disable=SC2016 # apt's own placeholders
	apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' |
		sed -n 's/^Debian|Debian|//p;' | head -n 1
}

may_we()
{
	[ "$(id -u)" = 0 ] || cannot "needs root"
	unshare --mount --pid --fork mount -t proc proc /proc 2>/dev/null || cannot "mounts are not permitted here"
}

make_it()
{
	local suite=$1 dir=$2 from
	[ -e "$dir/etc/apt/sources.list" ] && return 0
	may_we
	command -v debootstrap >/dev/null || cannot "debootstrap is not installed"
	from=$(mirror)
	[ -n "$from" ] || { apt-get update -q >&2 && from=$(mirror); } || true
	[ -n "$from" ] || cannot "apt knows no mirror of Debian's"
	eval "$(apt-config shell http_proxy Acquire::http::Proxy)"
	export http_proxy
	mkdir -p "$(dirname "$dir")"
	rm -rf "$dir.new" # of an interrupted run; its mounts went with their namespace
	unshare --mount --fork --kill-child debootstrap --variant=minbase \
		"$suite" "$dir.new" "$from" >"$dir.log" 2>&1 ||
		cannot "debootstrap of $suite failed: $(tail -n 1 "$dir.log")"
	# The archive of an old release, or a frozen copy of it, says that it has expired.
	echo 'Acquire::Check-Valid-Until "false";' >"$dir.new/etc/apt/apt.conf.d/01expired"
	mv "$dir.new" "$dir"
}

run_it()
{
	local how=$1 dir=$2
	shift 2
	mkdir -p "$dir.try"
	may_we
	cp --remove-destination -L /etc/resolv.conf "$dir/etc/resolv.conf"
	[ -z "${NODE_EXTRA_CA_CERTS:-}" ] || cp -L "$NODE_EXTRA_CA_CERTS" "$dir/etc/authorities.pem"
	[ -e "$dir/etc/hosts" ] || printf '127.0.0.1 localhost\n::1 localhost\n' >"$dir/etc/hosts"
	# shellcheck disable=SC2016 # for the inner shell
	exec unshare --mount --pid --fork --kill-child bash -euc '
		how=$1 dir=$2
		shift 2
		if [ "$how" = try ]; then
			mount -t tmpfs tmpfs "$dir.try"
			mkdir "$dir.try/upper" "$dir.try/work" "$dir.try/all"
			mount -t overlay -o "lowerdir=$dir,upperdir=$dir.try/upper,workdir=$dir.try/work" \
				overlay "$dir.try/all"
			dir=$dir.try/all
		fi
		[ -z "${BIND:-}" ] || mount -o bind,ro "$BIND" "$dir/mnt"
		mount -t proc proc "$dir/proc"
		mkdir -p "$dir/dev/shm" "$dir/dev/pts"
		mount -t tmpfs -o mode=1777 tmpfs "$dir/dev/shm"
		mount -t devpts -o newinstance,ptmxmode=666 devpts "$dir/dev/pts"
		exec chroot "$dir" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
			TERM=dumb ${http_proxy:+http_proxy="$http_proxy"} \
			${NODE_EXTRA_CA_CERTS:+NODE_EXTRA_CA_CERTS=/etc/authorities.pem} "$@"' run "$how" "$dir" "$@"
}

become_it()
{
	local dir=$1
	shift
	may_we
	# Without a process between us and the command, whoever started us has its process id.
	# shellcheck disable=SC2016 # for the inner shell
	exec unshare --mount bash -euc '
		dir=$1
		shift
		for same in "${TMPDIR:-/tmp}" "$PWD"; do
			mkdir -p "$dir$same"
			mount --bind "$same" "$dir$same"
		done
		mount -t proc proc "$dir/proc"
		exec chroot "$dir" "$@"' become "$dir" "$@"
}

# What git knows and what it would be asked to add, as it stands now.
list_sources()
{
	git ls-files -z --cached --others --exclude-standard |
		while IFS= read -r -d '' file; do
			[ -e "$file" ] && printf '%s\0' "$file"
		done
	return 0
}

copy_sources()
{
	local dir=$1
	cd "$(dirname "$0")/.."
	mkdir -p "$dir/src"
	find "$dir/src" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
	list_sources | tar --null -T - -cf - | tar -C "$dir/src" --no-same-owner -xf -
}

case ${1:-} in
make) [ $# = 3 ] && make_it "$2" "$3" ;;
run | try) [ $# -ge 3 ] && run_it "$1" "$(realpath "$2")" "${@:3}" ;;
become) [ $# -ge 3 ] && become_it "$(realpath "$2")" "${@:3}" ;;
sources) [ $# = 2 ] && copy_sources "$(realpath -m "$2")" ;;
*) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
