// Functions without a body, which are linked, need a file in assembly here.
