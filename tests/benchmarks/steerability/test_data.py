"""What is refused before a request, what is legal and counted."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.steerability.data import check_data, observation_id, text_id
from benchmarks.steerability.errors import PersonaDataError
from inference.errors import PlumblineError
from tests.benchmarks.steerability.worlds import tables


def test_counts_shared_texts_and_opposite_labels():
    data = check_data(*tables(4, 3))
    assert data.counts.personas == 4 and data.counts.frameworks == 2
    assert data.counts.statements == 24
    assert data.counts.distinct_texts == 22  # one text stands under three personas
    assert data.counts.shared_texts == 1
    assert data.counts.opposite_label_texts == 1


def test_ids_are_the_published_ones():
    data = check_data(*tables(4, 3))
    row = data.statements.iloc[1]
    import hashlib

    wanted = hashlib.md5(f"{row['persona_id']}_{row['statement']}_Y".encode()).hexdigest()[:8]
    assert row["observation_id"] == wanted == observation_id(row.persona_id, row.statement, True)


def test_a_scenario_makes_another_text():
    assert text_id("I would wait.", "A queue.") != text_id("I would wait.")
    personas, statements = tables(3, 3)
    twice = statements.iloc[[0]].assign(scenario="A queue.", statement_id="other")
    data = check_data(personas, pd.concat([statements, twice], ignore_index=True))
    assert data.counts.distinct_texts == check_data(personas, statements).counts.distinct_texts + 1


def test_words_for_labels_are_read_as_booleans():
    personas, statements = tables(3, 3)
    words = statements.assign(is_agree=statements["is_agree"].map({True: "True", False: " false"}))
    assert check_data(personas, words).statements["is_agree"].tolist() == (
        statements["is_agree"].tolist()
    )


@pytest.mark.parametrize("one", [1, 1.0, np.int64(1), "1", " 1.0"])
def test_zero_and_one_are_read_as_booleans(one):
    personas, statements = tables(3, 3)
    zero = type(one)(0) if not isinstance(one, str) else "0"
    digits = statements["is_agree"].map({True: one, False: zero}).astype(object)
    assert check_data(personas, statements.assign(is_agree=digits)).statements[
        "is_agree"
    ].tolist() == (statements["is_agree"].tolist())


def test_without_ids_a_statement_has_its_rows_number():
    personas, statements = tables(3, 3)
    checked = check_data(personas, statements.drop(columns="statement_id")).statements
    assert checked["statement_id"].tolist() == [str(row) for row in range(len(statements))]


def test_all_missing_columns_of_both_tables_are_named_at_once():
    personas, statements = tables(3, 3)
    with pytest.raises(PersonaDataError) as caught:
        check_data(
            personas.drop(columns=["framework_name", "persona_description"]),
            statements.drop(columns=["statement", "is_agree"]),
        )
    told = str(caught.value)
    assert "personas table has no columns 'framework_name', 'persona_description'" in told
    assert "statements table has no columns 'statement', 'is_agree'" in told
    assert "\n" not in told


@pytest.mark.parametrize("label", ["maybe", 2, 0.5, None, np.nan, "2"])
def test_a_label_that_is_no_boolean_names_its_row(label):
    personas, statements = tables(3, 3)
    values = statements["is_agree"].astype(object)
    values[7] = label
    with pytest.raises(PersonaDataError, match="row 7: is_agree is"):
        check_data(personas, statements.assign(is_agree=values))


def test_an_unknown_persona_is_named():
    personas, statements = tables(3, 3)
    statements.loc[4, "persona_id"] = "ghost"
    with pytest.raises(PersonaDataError, match="row 4: persona_id 'ghost' is not in the personas"):
        check_data(personas, statements)


def test_duplicates_are_refused():
    personas, statements = tables(3, 3)
    with pytest.raises(PersonaDataError, match="'p000' is given twice"):
        check_data(pd.concat([personas, personas.iloc[[0]]]), statements)
    again = statements.iloc[[2]].assign(statement_id="new")
    with pytest.raises(PersonaDataError, match="has the statement 'I would do thing 2 of 0"):
        check_data(personas, pd.concat([statements, again]))
    again = statements.iloc[[2]].assign(statement="Something new.")
    with pytest.raises(PersonaDataError, match="statement_id 's0_a2' twice"):
        check_data(personas, pd.concat([statements, again]))


def test_one_persona_with_both_labels_on_a_text_is_a_duplicate():
    personas, statements = tables(3, 3)
    against = statements.iloc[[2]].assign(statement_id="new", is_agree=False)
    with pytest.raises(PersonaDataError, match="twice"):
        check_data(personas, pd.concat([statements, against]))


@pytest.mark.parametrize("column", ["persona_id", "statement", "is_agree"])
def test_a_missing_column_is_named(column):
    personas, statements = tables(3, 3)
    with pytest.raises(PlumblineError, match=f"statements table has no column '{column}'"):
        check_data(personas, statements.drop(columns=column))


def test_empty_texts_are_refused():
    personas, statements = tables(3, 3)
    statements.loc[5, "statement"] = "  "
    with pytest.raises(PersonaDataError, match="statements row 5: statement is empty"):
        check_data(personas, statements)
