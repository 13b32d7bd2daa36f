"""Drawn pages whose content is known: documents, posters, covers, signs, charts, screens.

`pages.Pages` makes them; each kind of page is one file in `kinds/`. NumPy and Pillow only. Fonts are bitmaps in
`assets/`, packed by `pack.py`, so that a page has the same bytes on every machine.
"""
