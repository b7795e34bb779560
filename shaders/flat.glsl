// Numbering of invocations where a kernel is a loop over `count` things; call.flat() makes the grid.
// A grid that is too long for one axis continues on the second, so an index may lie past the end.

uint flat_index() {
    uint group = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    return group * gl_WorkGroupSize.x + gl_LocalInvocationIndex;
}
