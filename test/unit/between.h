/* between.h -- assert_uint_in_range(), which cmocka before its release 2 has under another name. */
#ifndef PETSTORE_BETWEEN_H
#define PETSTORE_BETWEEN_H

#ifndef assert_uint_in_range
#define assert_uint_in_range(value, least, most) assert_in_range(value, least, most)
#endif

#endif
