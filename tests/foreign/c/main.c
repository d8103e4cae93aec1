// Rot13 of standard input, as anybody would write it.
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "--exit") == 0) {
        fprintf(stderr, "leaving\n");
        return argc > 2 ? atoi(argv[2]) : EXIT_FAILURE;
    }
    for (int letter = getchar(); letter != EOF; letter = getchar()) {
        if (isalpha(letter)) {
            int first = islower(letter) ? 'a' : 'A';
            letter = first + (letter - first + 13) % 26;
        }
        putchar(letter);
    }
    printf("%s", getenv("PATH") ? "!" : "");
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
