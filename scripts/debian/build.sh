#!/bin/bash
# Builds the Debian package in $B, from what `make install` installs.
set -euo pipefail
cd "$(dirname "$0")/../.."

B=$(realpath -m "$B")
root=$B/deb
package=mosquitto-petstore
share=$root/usr/share/doc/$package
version=$(sed -n 's/^#define PETSTORE_VERSION "\(.*\)"$/\1/p' plugin/base/version.h)
architecture=$(dpkg --print-architecture)

# The distribution's flags, all that harden included; in a folder of its own, since objects that are
# there would not be compiled anew.
export DEB_BUILD_MAINT_OPTIONS=hardening=+all
flags="$(dpkg-buildflags --get CFLAGS) -U_FORTIFY_SOURCE $(dpkg-buildflags --get CPPFLAGS)"
rm -rf "$root"
"$MAKE" --no-print-directory B="$B/package" CFLAGS="$flags" \
	LDFLAGS="$(dpkg-buildflags --get LDFLAGS)" install DESTDIR="$root" PREFIX=/usr \
	LIBDIR="/usr/lib/$(dpkg-architecture -q DEB_HOST_MULTIARCH)"
strip --strip-unneeded "$root"/usr/lib/*/mosquitto_petstore.so "$root/usr/bin/petstorectl"
install -D -m 644 scripts/debian/systemd.conf \
	"$root/usr/lib/systemd/system/mosquitto.service.d/petstore.conf"
install -D -m 644 scripts/debian/README.Debian "$share/README.Debian"
mv "$share/LICENSE" "$share/copyright"
gzip -9n "$root"/usr/share/man/man*/*
find "$root" -type d -exec chmod 755 {} +

# dpkg-shlibdeps wants a source package around it; these two lines are one.
mkdir -p "$B/shlibs/debian"
printf 'Source: %s\n\nPackage: %s\nArchitecture: any\n' $package $package >"$B/shlibs/debian/control"
depends=$(cd "$B/shlibs" && dpkg-shlibdeps -O \
	"$root"/usr/lib/*/mosquitto_petstore.so "$root/usr/bin/petstorectl" 2>/dev/null |
	sed -n 's/^shlibs:Depends=//p')
rm -rf "$B/shlibs"

mkdir "$root/DEBIAN"
sed "s|@VERSION@|$version|; s|@ARCHITECTURE@|$architecture|; s|@DEPENDS@|$depends|
	s|@SIZE@|$(du -sk --exclude DEBIAN "$root" | cut -f 1)|" \
	scripts/debian/control.in >"$root/DEBIAN/control"
install -m 755 scripts/debian/postinst scripts/debian/prerm scripts/debian/postrm "$root/DEBIAN/"
(cd "$root" && find usr -type f -exec md5sum {} + | sort -k 2 >DEBIAN/md5sums)
dpkg-deb --root-owner-group --build "$root" "$B/${package}_${version}_$architecture.deb"
rm -rf "$root"
