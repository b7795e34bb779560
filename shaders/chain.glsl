// Chains of places that hold the same id: see add_rows_link.comp.

const uint HEAD = 0x80000000u;  // the first place of its chain
const uint END = 0x7fffffffu;   // no place follows
