// Counts words, as anybody would write it.
export const words = {
  frequencies(text, most) {
    const found = text.toLowerCase().match(/[a-zà-ÿ]+/g);
    if (!found) throw "there are no words";
    const counts = new Map();
    for (const word of found) counts.set(word, (counts.get(word) ?? 0) + 1);
    const sorted = [...counts].map(([word, times]) => ({ word, times }));
    sorted.sort((one, other) => other.times - one.times || one.word.localeCompare(other.word));
    return sorted.slice(0, most ?? sorted.length);
  },
};
