"""Patterns of words, abbreviations, numbers, addresses and signs on folded text, for the tokenizer's rules.

In the original, literals ignore case and character classes do not. Here literals are `(?i:...)`, so the original's
`[A]bout` becomes `A(?i:bout)`.
"""

from __future__ import annotations

from pali3kit.metrics.ptb.fold import CAPITAL, DIGIT, MARK, SMALL


def _any_case(words: str) -> str:
    return f"(?i:{'|'.join(words.split())})"


# Characters. SPACE and NEWLINE are the original's; folding does not change either.
SPACE, NEWLINE = " \t\u00a0\u2000-\u200a\u3000", "\r\n\u2028\u2029\u000b\u000c\u0085"
BLANK = f"[{SPACE}{NEWLINE}]"
L = f"A-Za-z{SMALL}{CAPITAL}"  # letters
D = f"0-9{DIGIT}"
_AN = f"[{L}{D}]"
_ENTITY = "&[aeiouAEIOU](?i:acute|grave|uml);"
LETTER = f"(?:[{L}{MARK}\u00ad]|{_ENTITY})"  # within words: also marks, soft hyphens and entities
_LETDIG = f"(?:[{L}{D}{MARK}\u00ad]|{_ENTITY})"
APOS = "(?:['\u0092\u2019]|(?i:&apos;))"
_APOS_LIKE = "(?:['\u0092\u2019`\u0091\u2018\u201b]|(?i:&apos;))"
COMMA = "[,;:\u3001]"
_HYPHEN = "[-_\u058a\u2010\u2011]"

# Words
WORD = f"{LETTER}{_LETDIG}*(?:[.!?]{LETTER}{_LETDIG}*)*"
CLITIC = f"{APOS}(?:[msdMSD]|(?i:re|ve|ll))"
NOT = f"(?i:n){_APOS_LIKE}(?i:t)"
_ELISION = f"(?:[dDoOlL]{_APOS_LIKE}{_AN})?{_AN}+"  # d'Artagnan, O'Neill
HYPHENATED = f"{_ELISION}(?:{_HYPHEN}{_ELISION})*"
ASCII_HYPHENATED = r"[A-Za-z0-9][A-Za-z0-9.,\xad]*(?:-(?:[A-Za-z](?:\.[A-Za-z])+\.|[A-Za-z0-9\xad]+))+"
AMPERSAND_NAME = "[A-Z]+(?:(?:(?i:&amp;)|[+&])[A-Z]+)+"  # AT&T
SLASHED = r"[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}(?:\\?/[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}){1,2}"
_FILE_TYPES = (
    "bat bmp c class cgi cpp dll doc docx exe gif gz h htm html jar java jpeg jpg mov mp3 pdf php pl png ppt ps py sql "
    "tar txt wav x xml zip"
)
FILE = rf"{_LETDIG}+(?:\.{_LETDIG}+)*\.{_any_case(_FILE_TYPES)}"
APOSTROPHE_WORDS = (
    f"{APOS}(?i:n){APOS}?",
    f"[lLdDjJ]{APOS}",
    f"(?i:dunkin|somethin|ol){APOS}",
    f"{APOS}(?:(?i:em|till?|cause)|[2-9]0(?i:s))",
    f"[A-HJ-XZn]{_APOS_LIKE}[{L}][{L}]+",
    f"[{L}]+[aeiouyAEIOUY]{_APOS_LIKE}[aeiouA-Z][{L}]*",
    r"(?i:cont'd\.?|'twas|nor'easter|c'mon|e'er|s'mores|ev'ry|li'l|nat'l)",
    f"(?i:o){_APOS_LIKE}(?i:o)",
)

# Abbreviations. Some abbreviated states are common words too, so they need their capital.
_STATES = "Az Ark Del Ill La Mass Miss Ore Pa Tex Wash"
_BEFORE_SMALL = _any_case(
    "jan feb mar apr jun jul aug sept? oct nov dec mon tues? wed thu thurs fri ala ariz calif colo conn ct dak fla ga "
    "ind kans? ky md mich minn mo mont neb nev okla penn tenn va vt wisc? wyo inc cos? corp ltd plc rt bancorp bhd "
    r"assn univ intl sys tel est ext sq jr sr bros (?:ed|ph)\.d blvd rd esq etc al seq bldg"
)
_COMPANY = "(?i:pp?t)[ye](?i:s?)"  # pty., ptes.
ABBREVIATION_1 = rf"(?:{_BEFORE_SMALL}|{_COMPANY}|{'|'.join(f'{w[0]}(?i:{w[1:]})' for w in _STATES.split())})"
_LONG_ACRONYM = r"(?i:canada|sino|korean|eu|japan|non)-(?i:u\.s)|(?i:u\.s\.-(?:u\.s\.s\.r|u\.k))"
ACRONYM_2 = r"[A-Za-z]{2}|[A-Za-z]\.[A-Za-z]"  # how an acronym of more than one letter begins
ACRONYM = rf"(?:{_LONG_ACRONYM}|[A-Za-z](?:\.[A-Za-z])*)"
_TITLES = _any_case(
    "mr mrs ms drs? profs? sens? reps? attys? lt col gen messrs govs? adm rev maj sgt cpl pvt capt ste? ave pres lieut "
    "hon brig co?mdr pfc spc supts? det mt ft adj adv asst assoc ens insp mlle mme msgr sfc "
    r"vs alex wm jos cie cf treas ph invt elec natl dept"
)
ABBREVIATION_2 = f"(?:{ACRONYM}|{_TITLES}|M(?i:iss)|(?i:m)[ft](?i:g))"
_STARTER_WORDS = (
    r"About According Additionally After An A As At But Earlier He Her Here However If In It Last Many More Mr\. Ms\. "
    "Now Once One Other Our She Since So Some Such That The Their Then There These They This We When While What Yet You"
)
STARTERS = "|".join(f"{word[0]}(?i:{word[1:]})" for word in _STARTER_WORDS.split())

# Numbers and addresses
NUMBER = f"[-+]?(?:[{D}]*(?:[.:,\u00ad\u066b\u066c][{D}]+)+|[{D}]+)"
DATE = f"[{D}]{{1,2}}[-/][{D}]{{1,2}}[-/][{D}]{{2,4}}"
FRACTION = rf"(?:[{D}]{{1,4}}[- \xa0])?[{D}]{{1,4}}(?:\\?/|\u2044)[{D}]{{1,4}}"
SUBSCRIPT = "[\u207a\u207b\u208a\u208b]?(?:[\u2070\u00b9\u00b2\u00b3\u2074-\u2079]+|[\u2080-\u2089]+)"
_LINE = r"[0-9]{3,4}[- \xa0]?[0-9]{3,5}"
PHONES = (
    rf"\([0-9]{{2,3}}\)[ \xa0]?{_LINE}",
    rf"(?:\+\+?)?[0-9]{{2,4}}[- \xa0]{_LINE}",
    rf"(?:\+\+?)?[0-9]{{2,4}}[- \xa0][0-9]{{2,4}}[- \xa0]{_LINE}",
    r"\+\+[0-9]{2,4}\.[0-9]{2,4}\.[0-9]{3,4}\.[0-9]{3,5}",  # shorter forms match NUMBER
)
_URL_END = r'[^ \t\n\f\r"<>|.!?(){},-]'
URL = rf'(?i:https?)://[^ \t\n\f\r"<>|(){{}}]+{_URL_END}'
SITES = (
    r'(?i:www)\.(?:[^ \t\n\f\r"<>|.!?(){},]+\.)+[a-zA-Z]{2,4}',
    r"""(?:[^ \t\n\f\r"`'<>|.!?(){},-_$]+\.)+(?i:com|net|org|edu)""",  # ",-_" is a range: no capitals, no digits
)
PAGE = rf'/[^ \t\n\f\r"<>|()]+{_URL_END}'
_HOST = r'[^ \t\n\f\r"<>|(){}.\xa0]+'
EMAIL = (
    rf'(?:(?i:&lt;)|<)?[a-zA-Z0-9][^ \t\n\f\r"<>|()\xa0{{}}]*@(?:{_HOST}\.)*{_HOST}'
    "(?:(?i:&gt;)|>)?"
)
_NAME = r"[A-Za-z][A-Za-z0-9_:.\-]*"
_ATTRIBUTE = rf"""(?:{_NAME}[ ]*=[ ]*(?:'[^']*'|"[^"]*")|{_NAME})"""
TAG = rf"<(?:[!?][A-Za-z\-][^>\r\n]*|{_NAME}(?:[ ]+{_ATTRIBUTE})*[ ]*/?|/{_NAME})[ ]*>"

# Signs
EYES_AND_MOUTH = r"[<>]?[:;=][\-o*']?[()DPdpO\\{@|\[\]]"
ASIAN_SMILEYS = (
    r"[\^x=~<>]\.\[\^(?i:x)=[^<]*<>\]",
    r"[-\^x=~<>']_[-\^x=~<>']",
    r"\([-\^x=~<>'][_.]?[-\^x=~<>']\)",
    r"\([\^x=~<>']-[\^x=~<>'`]\)",
)
SINGLE_SIGNS = (
    "+%&~^|\\\\¦§¨©¬®¯°-\u00ba×÷\u0387\u05be\u05c0\u05c3\u05c6\u05f3\u05f4\u0600-\u0603\u0606-\u060a\u060c\u0614\u061b"
    "\u061e\u066a\u066d\u0703-\u070d\u07f6-\u07f8\u0964\u0965\u0e4f\u1fbd\u2016\u2017\u2020-\u2023\u2030-\u2038\u203b"
    "\u203e-\u2042\u2044\u207a-\u207f\u208a-\u208e\u2100-\u214f\u2190-\u2bff\u3012\u30fb\uff01-\uff0f\uff1a-\uff20"
    "\uff3b-\uff40\uff5b-\uff65"
)
