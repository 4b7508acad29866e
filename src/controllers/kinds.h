/*
 * The kinds of resources that this operator reconciles, and the rest of the controller's tables. A new kind is a row
 * here.
 */
#ifndef CONTROLLERS_KINDS_H
#define CONTROLLERS_KINDS_H

#include "reconcile/controller.h"

extern const struct controller_kinds operator_kinds;

#endif
