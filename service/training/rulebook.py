"""What can be asked of nearly every contract, and how the sentence that answers is known by its words. Pure.

A rule finds a sentence only where all its marks stand in it, and would rather miss ten than be wrong once: what it
finds is learned. `about` is far looser, the beginnings of words of its subject: where one stands, a passage may well
answer the question in other words, and so is never used to teach that a passage does not answer.
"""

from dataclasses import dataclass
from functools import cached_property
from re import IGNORECASE, Pattern, compile, escape


@dataclass(frozen=True)
class Rule:
    name: str
    says: str  # what it finds, for whoever chooses rules
    questions: tuple[str, ...]  # `{term}` is the defined term, where the rule finds one
    about: tuple[str, ...]  # in small letters
    marks: tuple[str, ...] = ()  # none: the rule has a way of its own (see `rules`)
    never: str = r"(?!)"

    @cached_property
    def _marks(self) -> tuple[Pattern[str], ...]:
        return tuple(compile(mark, IGNORECASE) for mark in self.marks)

    @cached_property
    def _never(self) -> Pattern[str]:
        return compile(self.never, IGNORECASE)

    @cached_property
    def _about(self) -> Pattern[str]:
        return compile(rf"\b(?:{'|'.join(map(escape, self.about))})", IGNORECASE)

    def touches(self, passage: str) -> bool:
        """Whether a passage says anything on the rule's subject."""
        return bool(self._about.search(passage))

    def holds(self, sentence: str, lowered: str) -> bool:
        """Whether a sentence, with single blanks, is what the rule looks for. `lowered` is the same in small letters: most
        sentences are told by it, at a fraction of the cost."""
        if not self._marks or not any(word in lowered for word in self.about):
            return False
        return all(mark.search(sentence) for mark in self._marks) and not self._never.search(sentence)


_PERIOD = (
    r"\b(?:\w+|[\d.]+)\s?\(?(?:\d+\)?)?\s?(?:business |calendar |working )?(?:days?|weeks?|months?|years?)\b"
)
_THIS = r"\b(?:this|the) (?:\w+ ){0,3}?(?:agreement|contract|lease|deed|licen[cs]e)\b"

RULES: tuple[Rule, ...] = (
    Rule(
        "parties",
        "Who the parties are",
        (
            "Who are the parties to this agreement?",
            "Between whom was the agreement made?",
            "Which parties entered into this contract?",
            "Name the contracting parties.",
        ),
        (),
    ),
    Rule(
        "date",
        "The date of the agreement",
        (
            "What is the date of this agreement?",
            "When was the agreement made?",
            "On what date did the parties enter into the contract?",
            "What date does the agreement bear?",
        ),
        (),
    ),
    Rule(
        "definition",
        "What a defined term means",
        (
            "What does “{term}” mean?",
            "How is “{term}” defined?",
            "What is meant by “{term}” in this agreement?",
            "Give the definition of “{term}”.",
        ),
        (),
    ),
    Rule(
        "governing-law",
        "Which law governs",
        (
            "Which law governs this agreement?",
            "What is the governing law?",
            "Under the laws of which state or country is the contract construed?",
            "By what law is the agreement governed?",
            "Whose law applies to this contract?",
        ),
        ("law",),
        (
            r"\b(?:govern(?:ed|s)?|construed|interpreted|construction)\b",
            r"\blaws?\b(?: and regulations?)? (?:of|in(?: force in)?) (?:the )?[A-Z]"
            r"|\b(?:english|german|french|swiss|dutch|israeli|irish|scottish|new york|california|delaware|texas) laws?\b",
            rf"{_THIS}|\bhereof\b|\bhereunder\b",
        ),
        r"\b(?:organi[sz]ed|incorporated|existing|arbitrat\w+ (?:shall|will) be)\b[^.]{0,40}\blaws\b|\bto the extent governed\b",
    ),
    Rule(
        "jurisdiction",
        "Which courts decide",
        (
            "Which courts have jurisdiction?",
            "Where must disputes be brought before a court?",
            "What is the venue for legal proceedings?",
            "To the jurisdiction of which courts do the parties submit?",
        ),
        (
            "court",
            "jurisdiction",
            "venue",
        ),
        (
            r"\b(?:jurisdiction|venue)\b",
            r"\bcourts?\b[^.;]{0,80}\b(?:of|in|located|sitting)\b|\bcourts? (?:of|in) [A-Z]",
            r"\b(?:submits?|consents?|agrees?|exclusive|brought|waives?)\b",
        ),
        r"\b(?:bankruptcy|of competent jurisdiction (?:orders|finds|determines)|held|invalid|unenforceable)\b",
    ),
    Rule(
        "arbitration",
        "How disputes are arbitrated",
        (
            "How are disputes under the agreement resolved by arbitration?",
            "Must disputes be arbitrated, and by what rules?",
            "What does the agreement say about arbitration of disputes?",
            "Before whom are disputes arbitrated?",
        ),
        ("arbitra",),
        (
            r"\barbitrat(?:ion|ed|ors?)\b",
            r"\b(?:disputes?|controvers(?:y|ies)|claims?)\b",
            r"\b(?:shall|will|must) (?:\w+ ){0,3}?be (?:\w+ ){0,3}?(?:settled|resolved|submitted|referred|determined|decided)\b",
        ),
        r"\b(?:not be subject to|except|injuncti\w+)\b",
    ),
    Rule(
        "term",
        "How long the agreement lasts",
        (
            "What is the term of this agreement?",
            "How long does the agreement last?",
            "When does the agreement begin, and when does it end?",
            "For what period is the contract in force?",
            "When does the initial term expire?",
        ),
        (
            "term",
            "expir",
            "force",
            "effect",
            "commenc",
        ),
        (
            r"\bterm(?: of [^.;]{3,60}?)?(?: [(][^()]{0,60}[)])? (?:shall|will|is|begins|commences|starts|expires|ends|runs)\b"
            rf"|{_THIS}(?: [(][^()]{{0,60}}[)])? (?:shall|will|is|commences|begins|becomes|takes|has|remains|continues)\b",
            r"\b(?:commenc\w+|begin\w*|beginning|start\w*|effective|in (?:full )?(?:force|effect)|be(?:come)? for)\b",
            r"\b(?:continues?|continuing|remain|expires?|ends?|ending|terminates?|until|through|period of|term of)\b",
            rf"{_PERIOD}|\b(?:19|20)\d\d\b|\banniversary\b",
        ),
        r"\b(?:breach|notice of (?:termination|default)|renewal terms? (?:shall|will)|after (?:the )?(?:expiration|termination)|surviv\w+"
        r"|confidential\w*|employees?|warrant\w*|insurance|per month|notify|cure|governed|assign\w*|intention to terminate|so long as|shall pay|payment)\b|^[\"“]",
    ),
    Rule(
        "renewal",
        "How the agreement renews",
        (
            "Does the agreement renew, and for how long?",
            "What is the renewal term?",
            "How is the term extended after it ends?",
            "What happens at the end of the initial term?",
            "Is there an automatic renewal?",
        ),
        (
            "renew",
            "exten",
        ),
        (
            r"\brenew(?:s|ed|able|al)?\b|\b(?:automatically|option|right|successive|additional)\b[^.;]{0,80}\bextend(?:s|ed)?\b"
            r"|\bextend(?:s|ed)?\b[^.;]{0,60}\b(?:automatically|successive|additional|further)\b",
            r"\b(?:automatically|successive|additional|further|option|annual(?:ly)?|unless)\b",
            rf"\b(?:terms?|periods?|year to year|{_PERIOD[2:-2]})\b",
            rf"{_THIS}|\bterm\b",
        ),
        r"\b(?:insurance|patents?|trademarks?|registrations?|letters? of credit|payment date|purchase orders?|options? to purchase"
        r"|force majeure|deadline|time for|statutes?|warranty period|lease agreement|unless extended|mutual(?:ly)?|memberships?|non-renewal of|delays?|covenant)\b",
    ),
    Rule(
        "non-renewal-notice",
        "The notice that stops a renewal",
        (
            "What notice prevents the agreement from renewing?",
            "How much notice is required to terminate the renewal?",
            "By when must a party say that it does not want the agreement renewed?",
            "What is the notice period for non-renewal?",
        ),
        (
            "renew",
            "exten",
            "non-renew",
            "nonrenew",
        ),
        (
            r"\b(?:renew(?:al|s|ed)?|non-?renewal|extend(?:s|ed)?|extension)\b",
            r"\b(?:notice|notif(?:y|ies|ied|ication))\b",
            rf"{_PERIOD} (?:\w+ ){{0,4}}?(?:prior to|before|in advance of|preceding)\b|\b(?:prior|before|advance)\b[^.;]{{0,60}}{_PERIOD}"
            rf"|{_PERIOD}[^.;]{{0,20}}\b(?:prior|advance)\b",
            r"\b(?:unless|not to renew|non-?renewal|terminat\w+|decides? not|intent\w*)\b",
        ),
        r"\b(?:insurance|insured|polic(?:y|ies)|certificates?|deficienc\w+|breach|purchase orders?|force majeure)\b",
    ),
    Rule(
        "convenience",
        "Ending the agreement without cause",
        (
            "May a party terminate the agreement without cause?",
            "Can the agreement be terminated for convenience, and on what notice?",
            "Who may end the contract at any time, and how?",
            "What notice ends the agreement without a reason?",
        ),
        (
            "terminat",
            "cancel",
        ),
        (
            r"\b(?:may|right to|can|entitled to|option to)\b[^.;]{0,80}\b(?:terminate|cancel)\b|\bmay be (?:terminated|cancell?ed)\b",
            r"\b(?:without cause|for (?:its |their )?convenience|for any (?:or no )?reason|with or without cause|no reason|at any time)\b",
            r"\bnotice\b",
            rf"{_THIS}|\bhereof\b",
        ),
        r"\b(?:breach|default|insolven\w+|bankrupt\w+|fails?|failure|if the|in the event|infring\w+|force majeure|for cause|indicated below|as follows)\b",
    ),
    Rule(
        "breach",
        "Ending the agreement for breach",
        (
            "When may a party terminate for breach?",
            "How long does a party have to cure a breach before the agreement can be terminated?",
            "What is the cure period for a material breach?",
            "What may a party do if the other one breaches the agreement and does not remedy it?",
        ),
        (
            "breach",
            "default",
            "cure",
            "remed",
        ),
        (
            r"\bterminat(?:e|ed|ion)\b",
            r"\b(?:breach(?:es)?|default)\b",
            r"\b(?:cure[ds]?|remed(?:y|ied|ies)|uncured|corrected?)\b",
            rf"\bwithin\b[^.;]{{0,40}}{_PERIOD}|{_PERIOD}[^.;]{{0,60}}\b(?:after|of|following|from)\b",
            rf"{_THIS}|\bhereof\b|\bhereunder\b",
        ),
        r"\b(?:rent|sublicen\w+ agreement)\b",
    ),
    Rule(
        "insolvency",
        "Ending the agreement on insolvency",
        (
            "What happens if a party becomes insolvent?",
            "May the agreement be terminated on bankruptcy?",
            "What are the consequences of a party's insolvency?",
        ),
        (
            "insolven",
            "bankrupt",
            "receiver",
            "liquidat",
        ),
        (
            r"\bterminat(?:e|ed|ion)\b",
            r"\b(?:insolven(?:t|cy)|bankrupt(?:cy)?)\b",
            r"\b(?:may|shall|right|immediately|upon)\b",
            rf"{_THIS}|\bhereof\b",
        ),
        r"\bsurviv",
    ),
    Rule(
        "survival",
        "What outlives the agreement",
        (
            "Which provisions survive termination?",
            "What outlives the end of the agreement?",
            "Which clauses remain in force after the agreement expires or is terminated?",
        ),
        (
            "surviv",
            "after",
        ),
        (
            r"\bsurvive\b",
            r"\b(?:terminat\w+|expir\w+)\b",
            r"\b(?:sections?|articles?|clauses?|paragraphs?|provisions?|obligations?|rights?)\b",
        ),
        r"\b(?:representations and warranties|closing)\b",
    ),
    Rule(
        "liability-cap",
        "The most that a party is liable for",
        (
            "Is there a cap on liability?",
            "What is the maximum amount of a party's liability?",
            "To what sum is liability under the agreement limited?",
            "How much can be recovered at most?",
        ),
        (
            "liab",
            "damage",
            "exceed",
        ),
        (
            r"\bliabilit(?:y|ies)\b|\bliable\b|\bdamages\b",
            r"\b(?:aggregate|total|maximum|cumulative|entire|overall)\b[^.;]{0,60}\b(?:liabilit(?:y|ies)|damages)\b"
            r"|\bliabilit(?:y|ies)\b[^.;]{0,160}(?:\bexceed|(?<!not )(?<!without )\blimited to)\b|\bliable\b[^.;]{0,120}\b(?:in excess of|exceed\w*)\b",
            r"\b(?:exceed(?:ing)?|in excess of|(?<!not )limited to|greater than|no more than)\b",
            r"[$£€]|\bamounts?\b|\bfees?\b|\bprice\b|\bpaid\b|\bmillion\b|\bUS?D\b|\bRM ?\d",
        ),
        r"\b(?:insurance|policy|indemnify|including,? but not limited to [a-z ]*damages?\.?$|retention|deductible|per occurrence"
        r"|not be limited to|late charge)\b",
    ),
    Rule(
        "excluded-damages",
        "Losses that nobody answers for",
        (
            "Which kinds of damages are excluded?",
            "Is a party liable for consequential or indirect damages?",
            "For what losses does neither party answer?",
            "Are lost profits recoverable?",
        ),
        (
            "damage",
            "liab",
            "loss",
        ),
        (
            r"\b(?:consequential|indirect|incidental|special|punitive|exemplary)\b",
            r"\b(?:in no event|neither party|not be (?:held )?liable|no liability|under no circumstances|no party)\b",
            r"\b(?:liable|liability|responsible)\b",
        ),
    ),
    Rule(
        "assignment",
        "Whether the agreement may be assigned",
        (
            "May a party assign the agreement?",
            "Is consent needed to assign the contract to somebody else?",
            "Can rights under the agreement be transferred to a third party?",
            "What does the agreement say about assignment?",
        ),
        (
            "assign",
            "transfer",
        ),
        (
            r"\bassign(?:ed|s|ment|able)?\b|\btransfer(?:red)?\b[^.;]{0,60}\bagreement\b|\bagreement\b[^.;]{0,100}\btransferred\b",
            r"\b(?:may|shall|will|can)(?:not| not)\b|\bneither\b|\bno (?:party|assignment|right)\b|\bnot assignable\b|\bmay (?:\w+ )?assign\b",
            r"\b(?:consent|approval|permission)\b",
            rf"{_THIS}|\bhereunder\b|\bhereof\b",
        ),
        r"\b(?:grants?|waiver of|plaintiff|copyrights?|inventions?|works? made|trademark applications?|employees? (?:shall|will) be assigned|shares|securities)\b",
    ),
    Rule(
        "change-of-control",
        "What follows a change of control",
        (
            "What happens on a change of control?",
            "May the agreement be ended if a party is taken over?",
            "What follows if the ownership of a party changes?",
        ),
        (
            "control",
            "merge",
            "acqui",
            "owner",
        ),
        (
            r"\bchange (?:of|in) (?:the )?(?:\w+ )?control\b",
            r"\b(?:terminat\w+|consent|notice|notify|assign\w*)\b",
        ),
        r"[”\"] (?:means|shall mean)|\bmeans\b|^.{0,60}$|\b(?:equity securities|stock options?)\b",
    ),
    Rule(
        "payment",
        "When invoices are due",
        (
            "When must invoices be paid?",
            "What are the payment terms?",
            "Within what time is payment due?",
            "How long after the invoice must a party pay?",
        ),
        (
            "pay",
            "paid",
            "invoice",
            "due",
        ),
        (
            r"\binvoices?\b",
            r"\b(?:pay(?:s|able)?|paid|payments?|due)\b",
            rf"\bwithin\b[^.;]{{0,40}}{_PERIOD}|\bnet {_PERIOD}|{_PERIOD} (?:after|of|from|following)\b",
        ),
        r"\b(?:dispute[ds]?|suspend|terminat\w+|fails?|audit|interest|overdue|object)\b",
    ),
    Rule(
        "late-interest",
        "Interest on late payment",
        (
            "What interest is due on late payments?",
            "What happens if a payment is overdue?",
            "At what rate do overdue amounts bear interest?",
        ),
        (
            "interest",
            "late",
            "overdue",
            "past due",
        ),
        (
            r"\binterest\b|\blate (?:charge|fee|payment charge)s?\b|\bservice charge\b",
            r"\b(?:late|overdue|past due|not paid|unpaid|when due|delinquent)\b",
            r"\bper ?cent\b|%|\bbase rate\b|\bprime rate\b|\bLIBOR\b",
        ),
    ),
    Rule(
        "rent",
        "The rent of a lease",
        (
            "What is the rent?",
            "How much rent does the tenant pay?",
            "What rent is payable under the lease?",
        ),
        ("rent",),
        (
            r"\b(?:annual|yearly|principal|base|monthly|minimum|initial)? ?rent\b",
            r"[$£€] ?\d",
            r"\b(?:per annum|a year|per year|per month|a month|yearly|monthly|annual(?:ly)?)\b",
        ),
        r"\b(?:deposit|insurance|arrears|late|interest|service charge)\b",
    ),
    Rule(
        "confidentiality",
        "The duty to keep things confidential",
        (
            "What is the duty of confidentiality?",
            "How must confidential information be treated?",
            "May a party disclose the other's confidential information?",
            "What does the agreement forbid to do with confidential information?",
        ),
        (
            "confiden",
            "disclos",
            "secre",
            "proprietary",
        ),
        (
            r"\bconfidential(?:ity)?\b",
            r"\b(?:shall|will|agrees? (?:to|that)|must)\b",
            r"\bnot (?:\w+,? ){0,6}?disclose\b|\b(?:hold|keep|maintain|retain)\b[^.;]{0,80}\b(?:confidence|confidential(?:ity)?)\b"
            r"|\bnot be (?:\w+ ){0,3}?disclosed\b",
        ),
        r"\b(?:shall not apply|does not include|required by law|court order|whether or not|not be considered|return|destroy)\b",
    ),
    Rule(
        "confidentiality-term",
        "How long things stay confidential",
        (
            "How long does the duty of confidentiality last?",
            "For how many years must confidential information be protected?",
            "When do the confidentiality obligations end?",
        ),
        (
            "confiden",
            "disclos",
            "secre",
            "non-disclos",
        ),
        (
            r"\bconfidential(?:ity)?\b|\bnon-?disclosure\b",
            r"\b(?:obligations?|survive|duty|provisions?|restrictions?|period|hold|keep|maintain)\b",
            rf"{_PERIOD} (?:\w+ ){{0,3}}?(?:after|following|from|thereafter)\b|\b(?:period|term) of\b[^.;]{{0,20}}{_PERIOD}",
        ),
        r"\b(?:return|destroy|within|notice)\b",
    ),
    Rule(
        "indemnity",
        "Who indemnifies whom",
        (
            "Who must indemnify whom?",
            "What indemnity does the agreement contain?",
            "Against what claims must a party hold the other harmless?",
            "For which losses is a party indemnified?",
        ),
        (
            "indemn",
            "harmless",
        ),
        (
            r"\b(?:shall|will|agrees? to|must|hereby)\b[^.;]{0,60}\bindemnify\b|\bindemnif(?:y|ies)\b[^.;]{0,60}\bhold harmless\b",
            r"\b(?:against|from)\b",
            r"\b(?:claims?|loss(?:es)?|liabilit(?:y|ies)|damages|expenses)\b",
        ),
        r"\b(?:not be required|no obligation|in no event|prompt(?:ly)? notif\w+|sole (?:and exclusive )?remedy|insurance)\b",
    ),
    Rule(
        "insurance",
        "What must be insured",
        (
            "What insurance must be maintained?",
            "Which insurance cover does the agreement require?",
            "Is a party obliged to insure, and for how much?",
        ),
        ("insur",),
        (
            r"\b(?:shall|will|must|agrees? to)\b[^.;]{0,80}\b(?:maintain|carry|obtain|procure|keep|purchase|provide|effect|take out)\b",
            r"\binsurance\b",
            r"\b(?:liability|commercial|general|policy|policies|coverage|cover|workers|property)\b",
        ),
        r"\b(?:certificates? of insurance shall|proceeds|additional insured shall)\b",
    ),
    Rule(
        "audit",
        "The right to audit",
        (
            "Is there a right to audit?",
            "May a party inspect the other's books and records?",
            "Who may examine the records, and how often?",
            "What audit rights does the agreement give?",
        ),
        (
            "audit",
            "inspect",
            "examin",
            "record",
            "book",
        ),
        (
            r"\b(?:audit|inspect|examine)\b",
            r"\b(?:books|records|accounts)\b",
            r"\b(?:may|right|entitled|permit|allow|opportunity)\b",
        ),
        r"\b(?:independent registered|financial statements|retain all|dispute)\b",
    ),
    Rule(
        "non-solicit",
        "Not enticing the other's people away",
        (
            "May a party hire or solicit the other's employees?",
            "Is there a ban on soliciting employees?",
            "For how long may a party not recruit the other's staff?",
        ),
        (
            "solicit",
            "hire",
            "employ",
            "recruit",
            "entice",
        ),
        (
            r"\b(?:solicit|hire|recruit|entice|induce|employ)\b[^.;]{0,100}\b(?:employees?|employed|personnel|staff)\b"
            r"|\b(?:employees?|personnel|staff)\b[^.;]{0,60}\bto (?:leave|terminate)\b",
            r"\b(?:shall|will|agrees? |may|covenants?)\b[^.;]{0,30}\bnot\b|\bneither\b",
            r"\bsolicit\b|\bnot\b[^.;]{0,80}\b(?:hire|recruit|entice)\b",
        ),
        r"\b(?:general solicitation (?:shall|is)|responsible for|wages|benefits|orders|returns?)\b",
    ),
    Rule(
        "non-compete",
        "Not competing",
        (
            "Is there a non-compete?",
            "May a party compete with the other one?",
            "Which competing business is forbidden, and for how long?",
        ),
        ("compet",),
        (
            r"\bcompet(?:e|es|ing|itive|itors?)\b",
            r"\b(?:shall|will|agrees?|covenants?|may)\b[^.;]{0,60}\bnot\b|\bneither\b",
            r"\b(?:engage|own|manage|operate|compete|carry on|participate|conduct|sell|market|distribute|promote|represent)\b",
            r"\b(?:directly or indirectly|during the (?:term|period)|for a period|business)\b",
        ),
        r"\b(?:nothing|not prevent|not prohibit|not preclude|not be prohibited|competitive (?:bid|pric|terms|rates)\w*|unfair competition"
        r"|confidential\w*)\b",
    ),
    Rule(
        "ownership",
        "Who owns intellectual property",
        (
            "Who owns the intellectual property?",
            "To whom do the rights in the work belong?",
            "Which party keeps title to its intellectual property?",
        ),
        (
            "own",
            "title",
            "intellectual",
            "propert",
            "proprietary",
            "belong",
            "vest",
        ),
        (
            r"\b(?:owns?|owned by|retains?|property of|title (?:to|in)|belongs?|vest)\b",
            r"\b(?:intellectual property|copyrights?|patents?|trade ?marks?|works?|inventions?|deliverables?|marks)\b",
            r"\b(?:all|sole(?:ly)?|exclusive(?:ly)?|entire)\b",
            r"\b(?:right, title,? and interest|rights,? title,? and interests?|sole (?:and exclusive )?(?:property|owner)"
            r"|exclusive (?:property|owner)|shall (?:be )?own)\b",
        ),
        r"\b(?:grants?|licen[cs]e[ds]? (?:to|under)|warrants?|represents?|infring\w+|contest|challenge)\b",
    ),
    Rule(
        "force-majeure",
        "What excuses a failure to perform",
        (
            "When is a party excused from performing?",
            "What counts as force majeure?",
            "Is a party liable for delays beyond its control?",
            "What happens if performance is prevented by events beyond a party's control?",
        ),
        (
            "force majeure",
            "beyond",
            "act of god",
            "acts of god",
            "excus",
        ),
        (
            r"\bbeyond (?:the|its|their|his|such party)\b[^.;]{0,30}\bcontrol\b|\bforce majeure\b",
            r"\b(?:not be|neither|no party|excused?|nor|shall be suspended)\b",
            r"\b(?:liable|responsible|default|excused?|breach|failure|delay)\b",
        ),
        r"\b(?:terminate|notify|notice)\b",
    ),
    Rule(
        "notices",
        "How notices are given",
        (
            "How must notices be given?",
            "In what form are notices under the agreement sent?",
            "When is a notice deemed to be given?",
            "What are the formalities of a notice?",
        ),
        ("notice",),
        (
            r"\bnotices?\b",
            r"\bin writing\b|\bwritten\b",
            r"\b(?:delivered|sent|mailed|deemed|served|addressed)\b",
            r"\b(?:mail|courier|post|facsimile|fax|hand|personally|e-?mail|telecop\w+)\b",
            r"\b(?:all|any|every|each)\b[^.;]{0,60}\bnotices?\b|^(?:\S+ ){0,3}notices?\b",
        ),
        r"\b(?:terminat\w+ this|default|breach)\b",
    ),
    Rule(
        "entire-agreement",
        "That the document is the whole agreement",
        (
            "Does the document contain the whole agreement?",
            "Are earlier agreements between the parties still valid?",
            "What does the agreement replace?",
        ),
        (
            "entire",
            "supersede",
            "prior",
            "whole",
            "complete",
        ),
        (
            r"\b(?:entire|whole|complete|full)\b[^.;]{0,40}\b(?:agreement|understanding)\b",
            r"\b(?:constitutes?|contains?|represents?|sets? forth|embod(?:y|ies)|is)\b",
            r"\b(?:supersedes?|superseding|replaces?|prior|previous)\b",
        ),
    ),
    Rule(
        "amendment",
        "How the agreement is changed",
        (
            "How can the agreement be amended?",
            "What form does a change of the contract need?",
            "May the agreement be modified orally?",
        ),
        (
            "amend",
            "modif",
            "var",
            "alter",
            "change",
        ),
        (
            rf"{_THIS}|\bhereof\b|\bno (?:\w+,? ){{0,3}}?(?:amendment|modification|variation)\b",
            r"\b(?:amend(?:ed|ments?)|modif(?:ied|ications?)|varied|variations?|altered)\b",
            r"\b(?:writing|written)\b",
            r"\bsigned\b|\bexecuted by\b|\bagreed? (?:to )?(?:in writing|by)\b",
            r"\b(?:only|except|unless|no|not)\b",
        ),
        r"\b(?:amends|as amended|is amended|hereby amended|license[ds]? works?)\b",
    ),
    Rule(
        "severability",
        "What happens if a clause is invalid",
        (
            "What happens if a provision is invalid?",
            "Does the agreement stand if a clause is unenforceable?",
            "What is the effect of an invalid provision on the rest?",
        ),
        (
            "invalid",
            "unenforceab",
            "sever",
            "illegal",
            "void",
        ),
        (
            r"\b(?:invalid|unenforceable|illegal|void|invalidity)\b",
            r"\b(?:provisions?|terms?|part|clause|section)\b",
            r"\b(?:remain(?:s|ing|der)?|other|balance|rest|severed|not affect)\b",
            r"\b(?:shall|will)\b",
        ),
    ),
    Rule(
        "waiver",
        "That rights are not lost by waiting",
        (
            "Does a party lose a right by not exercising it?",
            "Is failure to enforce a provision a waiver?",
            "What does the agreement say about waiver?",
        ),
        (
            "waive",
            "forbear",
        ),
        (
            r"\bwaiver?\b",
            r"\b(?:failure|delay|no waiver|forbearance|omission|not be (?:deemed|construed|considered))\b",
            r"\b(?:breach|right|provisions?|term|default|enforce)\b",
            r"\b(?:shall|will|constitute|operate|no)\b",
        ),
        r"\b(?:waives? (?:any|all|trial)|jury|arbitrat\w*|injunct\w*)\b",
    ),
    Rule(
        "warranty-disclaimer",
        "Warranties that are not given",
        (
            "Which warranties are disclaimed?",
            "Is there an implied warranty of merchantability?",
            "What warranties are excluded?",
        ),
        (
            "warrant",
            "as is",
            "as-is",
        ),
        (
            r"\bwarrant(?:y|ies)\b",
            r"\b(?:merchantability|fitness for a particular|implied|as[ -]is)\b",
            r"\b(?:disclaims?|no|not|excluded|in lieu of|without)\b",
        ),
    ),
    Rule(
        "third-parties",
        "Whether third parties have rights",
        (
            "Do third parties have rights under the agreement?",
            "Is there a third-party beneficiary?",
            "Who besides the parties may enforce the agreement?",
        ),
        (
            "third",
            "beneficiar",
            "other person",
            "person other",
            "person",
        ),
        (
            r"\bthird[ -]party beneficiar(?:y|ies)\b|\bContracts \(Rights of Third Parties\)"
            r"|\bbenefit of any (?:other|third)\b|\bany (?:other )?person[^.;]{0,40} other than\b[^.;]{0,60}\brights?\b",
            r"\b(?:no|not|nothing|shall be|is an?|intended|only|solely)\b",
            rf"{_THIS}|\bhereof\b|\bhereunder\b|\bherein\b|\bhereto\b",
        ),
        r"\b(?:inure|successors|licen[cs]e)\b",
    ),
    Rule(
        "relationship",
        "What the parties are to one another",
        (
            "What is the relationship of the parties?",
            "Are the parties partners or independent contractors?",
            "Does the agreement make one party the agent of the other?",
        ),
        (
            "independent",
            "partner",
            "agent",
            "agency",
            "employ",
            "joint venture",
        ),
        (
            r"\bindependent contractors?\b|\b(?:partnership|joint venture|agency)\b",
            r"\b(?:relationship|create|deemed|construed|constitute|make|status)\b",
            r"\b(?:not|nothing|no|neither|independent)\b",
            r"\b(?:part(?:y|ies)|agreement)\b",
        ),
        r"\b(?:taxes|indemnif\w+|wages)\b",
    ),
)
BY_NAME = {rule.name: rule for rule in RULES}
