//! Damage that can be done to any input.

use super::Chance;

/// Numbers near to where something ends.
const NUMBERS: [&str; 16] = [
    "0",
    "-1",
    "1",
    "127",
    "255",
    "256",
    "32768",
    "65535",
    "65536",
    "2147483648",
    "4294967296",
    "9007199254740993",
    "9223372036854775808",
    "18446744073709551616",
    "1e999",
    "-0.0",
];

/// One change: to bytes, to lines, or to numbers.
pub(super) fn any(chance: &mut Chance, input: &mut Vec<u8>, other: &[u8], words: &[&str]) {
    match chance.below(12) {
        0 => byte(chance, input),
        1 => drop(input.drain(chance.range(input.len()))),
        2 => {
            let (from, to) = (chance.range(input.len()), chance.below(input.len() + 1));
            let twice = input[from].to_vec();
            input.splice(to..to, twice);
        }
        3 if !words.is_empty() => {
            let (word, to) = (chance.of(words).as_bytes().to_vec(), chance.below(input.len() + 1));
            input.splice(to..to, word);
        }
        4 if !words.is_empty() => {
            let (word, place) = (chance.of(words).as_bytes().to_vec(), chance.range(input.len()));
            input.splice(place, word);
        }
        5 => {
            let (from, to) = (chance.range(other.len()), chance.range(input.len()));
            input.splice(to, other[from].to_vec());
        }
        6 => {
            input.truncate(chance.below(input.len() + 1));
            input.extend_from_slice(&other[chance.below(other.len() + 1)..]);
        }
        7 => number(chance, input),
        8 | 9 => line(chance, input, other),
        10 => {
            // Deep, or long.
            let piece = input[chance.range(input.len())].to_vec();
            let most = 1 << chance.below(10);
            let (times, to) = (1 + chance.below(most), chance.below(input.len() + 1));
            input.splice(to..to, piece.repeat(times));
        }
        _ => {
            let (one, two) = (chance.below(input.len()), chance.below(input.len()));
            if !input.is_empty() {
                input.swap(one, two);
            }
        }
    }
}

fn byte(chance: &mut Chance, input: &mut [u8]) {
    if input.is_empty() {
        return;
    }
    let at = chance.below(input.len());
    input[at] = match chance.below(4) {
        0 => input[at] ^ 1 << chance.below(8),
        1 => *chance.of(b"\0\t\n\r \"'./\\:@%#?*;[]{}()<>=,\x7f\x80\xff"),
        2 => input[at].wrapping_add(1),
        _ => chance.next() as u8,
    };
}

/// Puts another number in the place of one.
fn number(chance: &mut Chance, input: &mut Vec<u8>) {
    let begins: Vec<usize> = (0..input.len())
        .filter(|at| input[*at].is_ascii_digit() && (*at == 0 || !input[*at - 1].is_ascii_digit()))
        .collect();
    if begins.is_empty() {
        return;
    }
    let from = *chance.of(&begins);
    let length = input[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    input.splice(from..from + length, chance.of(&NUMBERS).bytes());
}

/// Leaves out a line, puts one there twice or elsewhere, or takes one of the other input.
fn line(chance: &mut Chance, input: &mut Vec<u8>, other: &[u8]) {
    let mut lines: Vec<Vec<u8>> = input.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let (from, to) = (chance.below(lines.len()), chance.below(lines.len()));
    match chance.below(4) {
        0 => drop(lines.remove(from)),
        1 => lines.insert(to, lines[from].clone()),
        2 => lines.swap(from, to),
        _ => {
            let others: Vec<&[u8]> = other.split(|byte| *byte == b'\n').collect();
            lines.insert(to, chance.of(&others).to_vec());
        }
    }
    *input = lines.join(&b'\n');
}
