#!/bin/sh
# hardened.sh PLUGIN PETSTORECTL: what makes a fault harder to use and is missing in them, a line
# each; silent when all is there.
for file in "$1" "$2"; do
	head=$(readelf -lW "$file") dynamic=$(readelf -dW "$file") names=$(nm -D "$file")
	echo "$head" | grep -q GNU_RELRO || echo "$file: no RELRO"
	echo "$head" | grep -q 'GNU_STACK.* RW  ' || echo "$file: a stack that can be executed"
	echo "$dynamic" | grep -qE 'BIND_NOW|FLAGS_1.*NOW' || echo "$file: bound late"
	echo "$names" | grep -q ' U __stack_chk_fail' || echo "$file: no stack protector"
	echo "$names" | grep -qE ' U __v?snprintf_chk' || echo "$file: nothing fortified"
done
readelf -dW "$2" | grep -q 'FLAGS_1.*PIE' || echo "$2: not PIE"
