/*
 * version.h -- the one place that says which version this is.
 */
#ifndef PETSTORE_VERSION_H
#define PETSTORE_VERSION_H

#define PETSTORE_VERSION "0.1.0"

#endif
