#ifndef SLUICE_CCSV_SHIM_H
#define SLUICE_CCSV_SHIM_H
#include <csv.h>
#endif
