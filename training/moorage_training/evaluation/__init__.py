"""What an exported model is worth: metrics, calibration, and accuracy under attack, all of the model as it will be served.

Arrays in, figures out. Nothing here writes files, trains, or reads training records.
"""
