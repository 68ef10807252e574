/*
 * schema_fault.h -- the line and column of what the schema room says of a place.
 *
 * The schema room knows Jansson values and JSON Pointers; the contract's sources know where in its
 * file each value stands.
 */
#ifndef PETSTORE_GATE_SCHEMA_FAULT_H
#define PETSTORE_GATE_SCHEMA_FAULT_H

#include "base/diag.h"
#include "contract/sources.h"

/*
 * Makes "FILE:LINE:COLUMN: POINTER: text" of the "FILE: POINTER: text" in @diag, with the place of
 * the value, or of what is around it where there is no such value. Leaves a text alone that names
 * no file of @sources, or one whose places are not known.
 */
void schema_fault_place(const struct sources *sources, struct diag *diag);

#endif
