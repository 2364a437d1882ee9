/* The heights of the rows of a list, by key, and where each row begins: prefix sums in a Fenwick tree, so that a row's place,
   the row at a place and a new height each cost O(log n). Only another order of rows costs O(n). Pure. */

/** A row that was never measured has the height that was estimated for it. What was measured is kept while its row is away. */
export const createHeights = () => {
  const measured = new Map(); // key -> px
  let indexes = new Map(); // key -> index
  let sizes = [];
  let tree = [0]; // tree[i] is the sum of the (i & -i) sizes that end with the i-th
  let top = 1; // the largest power of two within the tree

  const add = (index, change) => {
    for (let at = index + 1; at <= sizes.length; at += at & -at) tree[at] += change;
  };

  return {
    get count() {
      return sizes.length;
    },
    get total() {
      return this.offset(sizes.length);
    },

    /** The rows from now on: their keys in order, and what to take for those that were never measured. */
    arrange(keys, estimateAt) {
      indexes = new Map(keys.map((key, index) => [key, index]));
      sizes = keys.map((key, index) => measured.get(key) ?? estimateAt(index));
      tree = [0, ...sizes];
      for (let at = 1; at <= sizes.length; at += 1) {
        const above = at + (at & -at);
        if (above <= sizes.length) tree[above] += tree[at];
      }
      top = 2 ** Math.floor(Math.log2(Math.max(1, sizes.length)));
    },

    indexOf: (key) => indexes.get(key) ?? -1,
    size: (index) => sizes[index] ?? 0,
    isMeasured: (key) => measured.has(key),

    /** Where the row begins; for the count of rows, where the last one ends. */
    offset(index) {
      let sum = 0;
      for (let at = Math.min(index, sizes.length); at > 0; at -= at & -at) sum += tree[at];
      return sum;
    },

    /** The row at this place; the first or the last for a place outside. -1 when there are none. */
    at(place) {
      let index = 0;
      let left = place;
      for (let step = top; step > 0; step >>= 1) {
        const next = index + step;
        if (next <= sizes.length && tree[next] <= left) {
          index = next;
          left -= tree[next];
        }
      }
      return Math.min(index, sizes.length - 1);
    },

    /** Keeps a height; true when it is another than was thought. */
    measure(key, height) {
      measured.set(key, height);
      const index = indexes.get(key);
      if (index === undefined || sizes[index] === height) return false;
      add(index, height - sizes[index]);
      sizes[index] = height;
      return true;
    },
  };
};
