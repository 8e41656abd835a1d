"""Any report that can be, for property tests."""

from itertools import combinations

from hypothesis import strategies as st

from qconv.reporting.pairing import Pairing
from qconv.reporting.picture_data import KINDS, Island, Picture
from qconv.reporting.report_data import Report, VariantReport

pairings = st.integers(1, 2**63 - 1).flatmap(
    lambda samples: st.integers(0, samples).flatmap(
        lambda lost: st.builds(
            Pairing,
            samples=st.just(samples),
            lost=st.just(lost),
            gained=st.integers(0, samples - lost),
        )
    )
)
st.register_type_strategy(Pairing, pairings)
islands = st.builds(Island, kind=st.sampled_from(KINDS))
pictures = st.integers(2, 4).flatmap(
    lambda count: st.builds(
        Picture,
        islands=st.lists(islands, min_size=count, max_size=count).map(tuple),
        edges=st.sets(st.sampled_from([*combinations(range(count), 2)])).map(tuple),
    )
)
st.register_type_strategy(Picture, pictures)
st.register_type_strategy(int, st.integers(-(2**63), 2**63 - 1))

variants = st.lists(st.from_type(VariantReport), min_size=1, max_size=3).map(tuple)
any_report = st.builds(Report, variants=variants)
