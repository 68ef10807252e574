/*
 * version.h -- the version, defined here only.
 */
#ifndef PETSTORE_VERSION_H
#define PETSTORE_VERSION_H

#define PETSTORE_VERSION "0.1.0"

#endif
