"""A statement as a dealer is sent it: A4, in Russian.

The font has Latin and Cyrillic letters. It is a part of DejaVu Sans 2.37, made by

    pyftsubset DejaVuSans.ttf --no-hinting --layout-features="" --unicodes=U+0020-007E,U+00A0-00FF,U+0400-045F,\\
        U+0490-0491,U+2010-2015,U+2018-201E,U+2022,U+2026,U+2116,U+20BD,U+2192,U+2212

and its licence lies beside it.
"""
