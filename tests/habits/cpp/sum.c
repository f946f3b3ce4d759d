/* C beside C++, with a name that C++ reserves. */
int sum(int one, int other) {
  int class = one + other;
  return class;
}
